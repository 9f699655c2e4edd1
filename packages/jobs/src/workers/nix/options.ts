import { availableParallelism } from "node:os";
import { isAbsolute, join } from "node:path";
import type { Logger } from "@aspen/plugin-api";
import { jobsErrors } from "../../errors.js";
import type { CgroupLimits } from "../../jail/cgroup/contract.js";
import { whole } from "../../options.js";
import type { NixOptions } from "./nix-process.js";

export interface NixLimits {
  /** MiB of memory of all processes of a job, and of the files of a build outside of the store. @default 4096 */
  memoryMiB?: number | undefined;
  /** Processes and threads at once. @default 2048 */
  processes?: number | undefined;
  /** Processors that they may keep busy. @default as many as there are */
  cpus?: number | undefined;
}

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
  /** What one job may use, where the node may make control groups. */
  limits?: NixLimits | undefined;
  /** Told when the worker starts without control groups. @default nobody */
  logger?: Logger | undefined;
  /** Number of the user and group that run nix when the node is root. @default 65534 */
  user?: number | undefined;
}

export type NormalNixOptions = Omit<NixOptions, "signal" | "onStderr" | "job" | "source" | "network" | "groups"> & {
  readonly limits: CgroupLimits;
  readonly logger: Logger | undefined;
  readonly jobs: string;
  readonly sources: readonly string[];
  readonly network: boolean;
};

const GIB = 1024 ** 3;

/** @throws AspenError `INVALID_PARAMS` naming the option */
export function normalNixOptions(options: NixWorkerOptions): NormalNixOptions {
  const { directory, sandboxPaths = [], sources = [], network = false, substituters = [], trustedKeys = [] } = options;
  const { cores = 1, tmpBytes = GIB, user = 65_534, logger } = options;
  const { memoryMiB = 4096, processes = 2048, cpus = availableParallelism() } = options.limits ?? {};
  if (!isAbsolute(directory)) throw jobsErrors.invalid("directory", "must be an absolute path");
  for (const path of sources) if (!isAbsolute(path)) throw jobsErrors.invalid("sources", "must be absolute paths");
  whole("cores", cores, 0, 1024);
  whole("tmpBytes", tmpBytes, 1024 * 1024, 1024 * GIB);
  whole("user", user, 1, 2 ** 31 - 1);
  whole("limits.memoryMiB", memoryMiB, 64, 1_048_576);
  whole("limits.processes", processes, 16, 100_000);
  if (!(cpus >= 0.01 && cpus <= 4096)) throw jobsErrors.invalid("limits.cpus", "must be a number from 0.01 to 4096");
  return {
    ...{ store: join(directory, "store"), jobs: join(directory, "jobs") },
    ...{ sandboxPaths, sources, network, substituters, trustedKeys, cores, tmpBytes, logger },
    limits: { memoryMiB, processes, cpus },
    user: process.getuid?.() === 0 ? user : null,
  };
}
