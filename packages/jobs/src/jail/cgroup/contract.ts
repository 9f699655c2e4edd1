import type { NormalJailLimits } from "../jail-options.js";

/** What a control group bounds, for all processes of a job together. */
export type CgroupLimits = Pick<NormalJailLimits, "memoryMiB" | "processes" | "cpus">;

/** Bubblewrap itself, outside of the jail and in it. */
export const JAIL_PROCESSES = 2;

/** The control groups that a process may make for its jobs. */
export interface CgroupTree {
  readonly version: 1 | 2;
  /** Folders below which groups are made. */
  readonly folders: readonly string[];
  create(name: string, limits: CgroupLimits): Promise<JobCgroup>;
}

/** The control group of one job. */
export interface JobCgroup {
  /** A process that writes itself into `cgroup.procs` of each is in the group. */
  readonly folders: readonly string[];
  /** Whether the kernel ended a process of it because its memory was used up. */
  outOfMemory(): Promise<boolean>;
  /** Ends what is still in it, and removes it. */
  remove(): Promise<void>;
}
