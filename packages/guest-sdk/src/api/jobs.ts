import { decodeUtf8 } from "@aspen/plugin-api/abi";
import { hostCall, hostCallExpecting } from "../guest/host-call.js";

/** A job to be submitted. Times are milliseconds. */
export interface JobRequest {
  /** A type that a worker of the cluster takes. Needs the permission `jobs:submit:<type>`. */
  type: string;
  /** Anything that JSON holds, at most 64 KiB: larger data goes into a blob, and its hash into the payload. @default null */
  payload?: unknown;
  /** -10 to 10; one step is worth a minute of waiting. @default 0 */
  priority?: number;
  /** Before it may start, at most 366 days. @default 0 */
  delayMs?: number;
  /** After which an attempt is stopped, at most a week. @default 300,000 */
  timeoutMs?: number;
  /** Starts that may fail, the first included; 1 to 100. @default 1 */
  attempts?: number;
  /** What is waited between two of them; `jitter` is the part of it, 0 to 1, that is left to chance. @default exponential from 1 s */
  backoff?:
    | { type: "fixed"; delayMs: number; jitter?: number }
    | { type: "exponential"; delayMs: number; maxMs?: number; jitter?: number }
    | { type: "list"; delaysMs: number[]; jitter?: number };
  /** Lost workers after which it is tried again; one more makes it a dead letter. @default 1 */
  maxStalls?: number;
  /** A second job of the plugin with this type and key, while the first is kept, is the first. At most 184 characters. */
  idempotencyKey?: string;
  /** Ids of jobs of the plugin that have to complete first. @default [] */
  dependsOn?: string[];
  /** What happens when one of them does not complete: this job fails as well, or starts all the same. @default "fail" */
  onDependencyFailure?: "fail" | "ignore";
  /** Let it wait for a worker when no worker has ever taken its type. @default false */
  allowUnknown?: boolean;
}

/** A job as it is now. */
export interface Job {
  id: string;
  type: string;
  status: "pending" | "scheduled" | "running" | "retrying" | "completed" | "failed" | "cancelled" | "dead_letter";
  payload: unknown;
  progress: { percent: number; message?: string } | null;
  /** How often it was started. */
  attempts: number;
  result?: unknown;
  /** Why it, or its last attempt, failed. */
  error?: { code: string; message: string };
}

/** Which job: its type, for which the plugin needs the permission, and its id. */
export interface JobName {
  type: string;
  id: string;
}

/** Work for the cluster's workers. A plugin sees and cancels the jobs that it submitted itself. */
export const jobs = {
  /**
   * Submits a job. `created` is false when a job with its idempotency key was there.
   *
   * @throws AspenError `PERMISSION_DENIED`, `JOB_TYPE_UNKNOWN`, `INVALID_PARAMS`, `PAYLOAD_TOO_LARGE`; `FEATURE_OFF` on a
   * node without jobs
   */
  async submit({ type, payload = null, ...options }: JobRequest): Promise<{ id: string; created: boolean }> {
    return json(await hostCallExpecting("jobs_submit", type, JSON.stringify(payload), JSON.stringify(options)));
  },

  /** A job, or null when there is none; a finished one is kept for a time. @throws AspenError `PERMISSION_DENIED`, `FEATURE_OFF` */
  async get({ type, id }: JobName): Promise<Job | null> {
    const found = await hostCall("jobs_get", type, id);
    return found && json(found);
  },

  /**
   * Cancels a job: one that runs is stopped, and is `cancelled` when it has.
   *
   * @throws AspenError `JOB_NOT_FOUND`; `JOB_STATE` when it is finished; `PERMISSION_DENIED`, `FEATURE_OFF`
   */
  async cancel({ type, id }: JobName, reason?: string): Promise<Job> {
    return json(await hostCallExpecting("jobs_cancel", type, id, JSON.stringify({ reason })));
  },
};

function json<T>(bytes: Uint8Array): T {
  return JSON.parse(decodeUtf8(bytes)) as T;
}
