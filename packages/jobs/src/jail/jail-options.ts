import { isAbsolute, normalize } from "node:path";
import { jobsErrors } from "../errors.js";
import { whole } from "../options.js";

/** What one job may use. */
export interface JailLimits {
  /**
   * MiB of memory of all its processes, with its `/job` and `/tmp`. Where no control group can be made, of the data of each process.
   * @default 512
   */
  memoryMiB?: number;
  /** Processes and threads at once. @default 128 */
  processes?: number;
  /** Processors that it may keep busy. Needs control groups. @default 1 */
  cpus?: number;
  /** Seconds of processor time of each process. @default 3600 */
  cpuSeconds?: number;
  /** MiB of the largest file that it may write. @default 1024 */
  fileMiB?: number;
  /**
   * MiB of all files in its `/job` together, which then lies in memory and counts as such; at most 100,000 files. 0: it
   * lies in `workFolder`, and nothing but `fileMiB` bounds it. @default 512
   */
  diskMiB?: number;
  /** MiB of its `/tmp`, and of its `/dev/shm`. @default 256 */
  tmpMiB?: number;
}

export interface JailOptions {
  /**
   * `"bwrap"`: bubblewrap, namespaces of its own, limits. `"none"`: programs run as the user of this process, with its
   * files, its network, and no limits. @default "bwrap"
   */
  jail?: "bwrap" | "none";
  /** A job that asks for it gets the network of this machine. @default false */
  allowNetwork?: boolean;
  limits?: JailLimits;
  /** Absolute paths of this machine that jobs see, and cannot write, beside its system folders. @default [] */
  readOnlyPaths?: readonly string[];
  /** User and group that jobs run as when this process is root's. @default 65534 */
  uid?: number;
  /** @default 65534 */
  gid?: number;
  /** Absolute path of the folder below which jobs get their folders. @default the system's for temporary files */
  workFolder?: string;
}

export type NormalJailLimits = Required<JailLimits>;
export type NormalJailOptions = Required<Omit<JailOptions, "workFolder" | "limits">> & {
  readonly workFolder: string | undefined;
  readonly limits: NormalJailLimits;
};

/** `nobody` of most systems. */
const NOBODY = 65_534;

/** @throws AspenError `INVALID_PARAMS` naming the field */
export function normalJailOptions(options: JailOptions): NormalJailOptions {
  const { jail = "bwrap", allowNetwork = false, readOnlyPaths = [], uid = NOBODY, gid = NOBODY, workFolder } = options;
  const { memoryMiB = 512, processes = 128, cpus = 1, cpuSeconds = 3600 } = options.limits ?? {};
  const { fileMiB = 1024, diskMiB = 512, tmpMiB = 256 } = options.limits ?? {};
  if (jail !== "bwrap" && jail !== "none") throw jobsErrors.invalid("jail", 'must be "bwrap" or "none"');
  whole("limits.memoryMiB", memoryMiB, 16, 1_048_576);
  whole("limits.processes", processes, 4, 100_000);
  if (!(cpus >= 0.01 && cpus <= 4096)) throw jobsErrors.invalid("limits.cpus", "must be a number from 0.01 to 4096");
  whole("limits.cpuSeconds", cpuSeconds, 1, 7 * 86_400);
  whole("limits.fileMiB", fileMiB, 1, 1_048_576);
  whole("limits.diskMiB", diskMiB, 0, 1_048_576);
  whole("limits.tmpMiB", tmpMiB, 1, 1_048_576);
  // The first is root, which a job never is.
  whole("uid", uid, 1, 4_294_967_294);
  whole("gid", gid, 1, 4_294_967_294);
  for (const path of readOnlyPaths) absolute("readOnlyPaths", path);
  if (workFolder !== undefined) absolute("workFolder", workFolder);
  return {
    ...{ jail, allowNetwork, readOnlyPaths, uid, gid, workFolder },
    limits: { memoryMiB, processes, cpus, cpuSeconds, fileMiB, diskMiB, tmpMiB },
  };
}

function absolute(field: string, path: string): void {
  if (!isAbsolute(path) || normalize(path) !== path || path === "/" || path.includes("\0")) {
    throw jobsErrors.invalid(field, "must be a normal absolute path, and not the root");
  }
}
