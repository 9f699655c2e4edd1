import { isAbsolute, join } from "node:path";
import { jobsErrors } from "../../errors.js";
import { whole } from "../../options.js";
import type { NixOptions } from "./nix-process.js";

export interface NixWorkerOptions {
  /** Absolute path of a folder for the store and for the jobs under way. Workers may share it. */
  directory: string;
  /** What builders see beside the store, as nix's `sandbox-paths`: `/bin/sh=/bin/busybox`. @default none */
  sandboxPaths?: readonly string[] | undefined;
  /** Folders whose flakes jobs may build as their `source`. @default none */
  sources?: readonly string[] | undefined;
  /** Jobs may ask for the network, which fixed outputs and `substituters` need. @default false */
  network?: boolean | undefined;
  /** URLs of binary caches, for jobs with the network. @default none */
  substituters?: readonly string[] | undefined;
  /** Public keys of those who sign what they have. @default none */
  trustedKeys?: readonly string[] | undefined;
  /** Processors of one build; 0 for all. @default 1 */
  cores?: number | undefined;
  /** Bytes of memory that the files of a build outside of the store may take. @default 1073741824 (1 GiB) */
  tmpBytes?: number | undefined;
  /** Number of the user and group that run nix when the node is root. @default 65534 */
  user?: number | undefined;
}

export type NormalNixOptions = Omit<NixOptions, "signal" | "onStderr" | "job" | "source" | "network"> & {
  readonly jobs: string;
  readonly sources: readonly string[];
  readonly network: boolean;
};

const GIB = 1024 ** 3;

/** @throws AspenError `INVALID_PARAMS` naming the option */
export function normalNixOptions(options: NixWorkerOptions): NormalNixOptions {
  const { directory, sandboxPaths = [], sources = [], network = false, substituters = [], trustedKeys = [] } = options;
  const { cores = 1, tmpBytes = GIB, user = 65_534 } = options;
  if (!isAbsolute(directory)) throw jobsErrors.invalid("directory", "must be an absolute path");
  for (const path of sources) if (!isAbsolute(path)) throw jobsErrors.invalid("sources", "must be absolute paths");
  whole("cores", cores, 0, 1024);
  whole("tmpBytes", tmpBytes, 1024 * 1024, 1024 * GIB);
  whole("user", user, 1, 2 ** 31 - 1);
  return {
    ...{ store: join(directory, "store"), jobs: join(directory, "jobs") },
    ...{ sandboxPaths, sources, network, substituters, trustedKeys, cores, tmpBytes },
    user: process.getuid?.() === 0 ? user : null,
  };
}
