import type { Caller } from "@aspen/rpc-core";
import type { Backoff } from "./backoff.js";
import type { JobAudience } from "./ends/job-audience.js";
import type { JobStatus } from "./job-states.js";

/** Why a job or an attempt of it failed. */
export interface JobFailure {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  /** Trying again will not mend it. @default false */
  readonly permanent?: boolean;
}

export interface JobProgress {
  /** 0 to 100. */
  readonly percent: number;
  /** At most 1,024 characters. */
  readonly message?: string;
}

/** What a caller asks for. Limits are in {@link JOB_LIMITS} of `options.ts`. */
export interface JobRequest {
  /** Letters, digits and `@ / _ . -`, at most 128, from a letter or digit on. */
  type: string;
  /** Anything that JSON holds, at most 16 MiB. @default null */
  payload?: unknown;
  /** -10 to 10; one step is worth a minute of waiting, so that nothing waits for ever. @default 0 */
  priority?: number;
  /** Milliseconds before it may start, at most a year. @default 0 */
  delayMs?: number;
  /** Milliseconds after which an attempt is stopped, at most a week. @default 300,000 */
  timeoutMs?: number;
  /** Starts that may fail, the first included; 1 to 100. @default 1 */
  attempts?: number;
  /** What is waited between two of them. @default exponential from 1 s to 5 min */
  backoff?: Backoff;
  /** Times that a worker may give no sign of life before the job counts as a dead letter; 0 to 100. @default 1 */
  maxStalls?: number;
  /** A second job of this type with the same key, while the first is kept, is the first. At most 256 characters. */
  idempotencyKey?: string;
  /** Ids of at most 100 jobs that have to complete first. @default [] */
  dependsOn?: readonly string[];
  /** What happens when one of them does not complete: this job fails as well, or starts all the same. @default "fail" */
  onDependencyFailure?: "fail" | "ignore";
  /** Whose job it is: those of a type take turns between their groups. At most 64 characters. @default "" */
  group?: string;
  /** Who asks for it, such as `plugin:shop`, for people; at most 256 characters. @default none */
  submitter?: string;
  /** The same, with what he may do: a worker that calls methods for the job calls them as him. @default code of this process, which may do everything */
  caller?: Caller;
  /** The plugin that is told of the job's end by an event; nodes do that. @default nobody */
  tell?: JobAudience;
  /** Let it wait for a worker when no worker has ever registered its type. @default false */
  allowUnknown?: boolean;
}

/** The schedule that created a job. */
export interface JobOrigin {
  readonly name: string;
  /** The time of the tick, in milliseconds since the Unix epoch; the job was created then or later. */
  readonly scheduledAt: number;
}

/** A job as it is shown. Times are milliseconds since the Unix epoch. */
export interface Job {
  readonly id: string;
  readonly type: string;
  readonly status: JobStatus;
  readonly payload: unknown;
  readonly priority: number;
  readonly group: string;
  readonly progress: JobProgress | null;
  /** How often it was started. */
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly submittedAt: number;
  /** When it may start, or could: the end of its delay or back-off. */
  readonly readyAt: number;
  /** Of the last attempt. */
  readonly startedAt?: number;
  readonly finishedAt?: number;
  /** Who runs it. */
  readonly worker?: string;
  /** Jobs that have to complete first. */
  readonly waitingFor: readonly string[];
  /** Somebody wants it cancelled, and its worker is stopping. */
  readonly cancelRequested: boolean;
  readonly idempotencyKey?: string;
  /** Who asked for it. */
  readonly submitter?: string;
  readonly schedule?: JobOrigin;
  readonly result?: unknown;
  /** Why the last attempt failed, or the job. */
  readonly error?: JobFailure;
}

/** What a worker gets of a job. */
export type RunnableJob = Pick<Job, "id" | "type" | "payload" | "group" | "attempts" | "maxAttempts" | "timeoutMs">;

/** A line that a job wrote. */
export interface JobLogLine {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}
