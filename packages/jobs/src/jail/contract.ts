import type { Readable, Writable } from "node:stream";

/** A program to run for a job. */
export interface JailCommand {
  /** A name that is looked up in the program's PATH, or a path. */
  readonly command: string;
  readonly args: readonly string[];
  /** All of its environment, beside the PATH, HOME and such that the jail sets. */
  readonly env: Readonly<Record<string, string>>;
  /** Where it starts, within the job's folder; "" for the folder itself. */
  readonly cwd: string;
  readonly network: boolean;
}

/** How a program ended. */
export interface JailExit {
  /** 128 and the number of the signal, when a signal ended it. */
  readonly exitCode: number;
  /** The kernel ended a process of the job because the memory of all was used up. */
  readonly outOfMemory: boolean;
}

/** A program that runs, with all that it started. */
export interface JailedProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when nothing of the job runs any more. @throws AspenError `JAIL_UNAVAILABLE` when it never ran */
  readonly ended: Promise<JailExit>;
  /** SIGTERM to the program. */
  terminate(): void;
  /** Ends everything by force. Resolves when nothing runs any more. */
  kill(): Promise<void>;
}

/** A folder of one job, and what runs programs in it. */
export interface JobSandbox extends AsyncDisposable {
  /** As this process reaches it. */
  readonly folder: string;
  /** Who owns what is put into the folder; null for the user of this process. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  start(command: JailCommand): Promise<JailedProcess>;
  /** Whether the job has used up the space of the folder. */
  full(): Promise<boolean>;
}

/** Makes sandboxes. */
export interface Jail extends AsyncDisposable {
  readonly kind: "bwrap" | "none";
  /** What bounds the jobs: control groups of version 1 or 2, the limits of each process, or nothing. */
  readonly limitedBy: "cgroup-v1" | "cgroup-v2" | "prlimit" | "none";
  /** Why it is not bounded by control groups, a sentence; null when it is. */
  readonly withoutCgroups: string | null;
  sandbox(jobId: string): Promise<JobSandbox>;
}
