import { AspenError, cut, quoted } from "@aspen/plugin-api";
import type { JobFailure } from "./job.js";

/** The errors of this package. */
export const jobsErrors = {
  invalid: (field: string, problem: string) => new AspenError("INVALID_PARAMS", `${field} ${problem}`, { field }),
  notFound: (id: string) =>
    new AspenError("JOB_NOT_FOUND", `there is no job ${quoted(id)}; a finished one is kept for a time only`, {
      id: cut(id),
    }),
  typeUnknown: (type: string) =>
    new AspenError(
      "JOB_TYPE_UNKNOWN",
      `no worker has registered jobs of the type ${quoted(type)}; start one that does, or submit with allowUnknown to let the job wait for it`,
      { type: cut(type) },
    ),
  /** `action` is what is not allowed, such as "retried". */
  state: (id: string, status: string, action: string) =>
    new AspenError("JOB_STATE", `job ${id} is ${status} and cannot be ${action}`, { id, status }),
  scheduleNotFound: (name: string) =>
    new AspenError("SCHEDULE_NOT_FOUND", `there is no schedule ${quoted(name)}`, { name: cut(name) }),
  scheduleExists: (name: string) =>
    new AspenError(
      "SCHEDULE_EXISTS",
      `there is a schedule ${quoted(name)} already; update it, or create it with replace`,
      { name: cut(name) },
    ),
  scheduleNever: (name: string) =>
    new AspenError("SCHEDULE_INVALID", `the schedule ${quoted(name)} never comes true before its endAt`, {
      field: "endAt",
    }),
  noSchedules: () =>
    new AspenError("INVALID_PARAMS", "this job queue has no schedules: its engine has no transactions with others"),
  bullMqMissing: (cause: unknown) =>
    new AspenError(
      "PACKAGE_MISSING",
      "the job engine bullmq needs a package that is not installed; install what it needs: npm install bullmq@6.7.0 ioredis@6",
      { install: "npm install bullmq@6.7.0 ioredis@6" },
      cause,
    ),
  bullMqNeedsRedis: (address: string) =>
    new AspenError(
      "CONFIG_INVALID",
      `the job engine bullmq keeps jobs in Redis, and the store is ${quoted(address)}: give the node redisUrl, or set features.jobs.engine to "kv"`,
      { field: "features.jobs.engine" },
    ),
  redisEvicts: (policy: string) =>
    new AspenError(
      "STORE_UNAVAILABLE",
      `Redis may evict jobs: its maxmemory-policy is ${quoted(policy)}; set it to noeviction`,
      { policy: cut(policy) },
    ),
  redisTooOld: (version: string) =>
    new AspenError("STORE_UNAVAILABLE", `the job engine bullmq needs Redis 6.2 or later; this one is ${version}`, {
      version,
    }),
  redisFailed: (cause: unknown) =>
    new AspenError(
      "STORE_UNAVAILABLE",
      `the job queue cannot use Redis: ${cut(cause instanceof Error ? cause.message : String(cause), 512)}`,
      undefined,
      cause,
    ),
  queueClosed: () => new AspenError("STORE_UNAVAILABLE", "the job queue is closed"),
  leaseLost: (id: string) =>
    new AspenError(
      "LEASE_LOST",
      `job ${cut(id)} is no longer leased under this token: it ended, or was given to another worker; drop the work`,
      { id: cut(id) },
    ),
  conflict: (id: string, attempts: number) =>
    new AspenError("KV_CONFLICT", `job ${id} was changed by others ${attempts} times in a row; try again`, { id }),
  payloadTooLarge: (what: string, bytes: number, limit: number) =>
    new AspenError("PAYLOAD_TOO_LARGE", `the job's ${what} has ${bytes} bytes as JSON; at most ${limit} are allowed`, {
      bytes,
      limit,
    }),
  flowTooLarge: (ops: number, limit: number) =>
    new AspenError(
      "PAYLOAD_TOO_LARGE",
      `the flow takes ${ops} operations of the store at once; at most ${limit} are allowed: submit it in parts, or let fewer jobs depend on each other`,
      { operations: ops, limit },
    ),
  notJson: (what: string, cause: unknown) =>
    new AspenError("INVALID_PARAMS", `the job's ${what} cannot be written as JSON`, { field: what }, cause),
  cancelled: (reason: string | undefined) =>
    new AspenError("JOB_CANCELLED", reason ? `the job was cancelled: ${cut(reason)}` : "the job was cancelled"),
  timeout: (timeoutMs: number) =>
    new AspenError("JOB_TIMEOUT", `the job ran longer than ${timeoutMs} ms and was stopped`, { timeoutMs }),
  stalled: (stalls: number) =>
    new AspenError("JOB_STALLED", `the job's worker gave no sign of life, ${stalls} times`, { stalls }),
  dependencyFailed: (id: string) =>
    new AspenError("JOB_DEPENDENCY_FAILED", `job ${id}, on which this one depends, did not complete`, { id }),
  workerDied: (why: string) => new AspenError("JOB_FAILED", `the job's worker ended under it: ${cut(why)}`),
  draining: () => new AspenError("CANCELLED", "the node is stopping; the job goes back to the queue"),
  gaveUp: (what: string) => new AspenError("CANCELLED", `the caller gave up ${what}`),
  toolMissing: (command: string, install: string) =>
    new AspenError("TOOL_MISSING", `${command} is not there, which a jail for jobs is made with: ${install}`, {
      command,
    }),
  jailUnavailable: (why: string, cause?: unknown) =>
    new AspenError(
      "JAIL_UNAVAILABLE",
      `bubblewrap cannot make a jail: ${cut(why.trim(), 512)}. The system has to allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns); or set jail to "none", which runs jobs without isolation`,
      undefined,
      cause,
    ),
  callerUnknown: (of: "token" | "plugin", id: string) =>
    new PermanentFailure(
      `the job may call nothing: this node does not know what the ${of} ${quoted(id)}, which submitted it, may do`,
      "UNAUTHENTICATED",
    ),
  networkDenied: () =>
    new PermanentFailure(
      "the job asks for the network, which this node gives to no job (allowNetwork)",
      "PERMISSION_DENIED",
    ),
  exitNonzero: (command: string, exitCode: number, stderr: string) =>
    new AspenError(
      "JOB_EXIT_NONZERO",
      `${quoted(command, 100)} ended with the status ${exitCode}: ${cut(stderr.trim(), 512)}`,
      {
        exitCode,
        stderr,
      },
    ),
  /** `what` was used up, such as "memory". */
  limitExceeded: (what: string, limit: string, details: Record<string, unknown> = {}) =>
    new AspenError("JOB_LIMIT_EXCEEDED", `the job used more ${what} than it may: ${limit}`, { what, ...details }),
  archiveInvalid: (problem: string, cause?: unknown) =>
    new PermanentFailure(`the source archive ${problem}`, "JOB_ARCHIVE_INVALID", cause),
  poolStarted: () =>
    new AspenError("JOB_STATE", "the pool has been started: add its workers before, and start it once"),
  duplicateType: (type: string) =>
    new AspenError("INVALID_PARAMS", `two workers of this pool take jobs of the type ${quoted(type)}`, { type }),
} as const;

/**
 * A failure that trying again will not mend: thrown by a worker, the job is `failed` at once, however many attempts it
 * has left.
 */
export class PermanentFailure extends AspenError {
  readonly permanent = true;

  constructor(message: string, code = "JOB_FAILED", cause?: unknown) {
    super(code, message, undefined, cause);
  }
}

/** What is kept of something that a worker threw. */
export function failureOf(thrown: unknown): JobFailure {
  const { code, message, details } = AspenError.from(thrown, "JOB_FAILED");
  const permanent = (thrown as { permanent?: unknown } | null)?.permanent === true;
  return {
    code: cut(code, 64),
    message: cut(message, 4096),
    ...(details && JSON.stringify(details).length <= 8192 ? { details } : {}),
    ...(permanent ? { permanent } : {}),
  };
}
