import { type Backoff, DEFAULT_BACKOFF } from "./backoff.js";
import { jobsErrors } from "./errors.js";
import type { JobRequest } from "./job.js";
import { keptCaller } from "./job-caller.js";

/** Hard limits of a job. Sizes are bytes or characters, times milliseconds. */
export const JOB_LIMITS = {
  typeCharacters: 128,
  groupCharacters: 64,
  idempotencyKeyCharacters: 256,
  submitterCharacters: 256,
  workerCharacters: 100,
  /** Of a payload or a result as JSON. */
  payloadBytes: 16 * 1024 * 1024,
  /** Payloads and results over it are kept as blobs. */
  inlineBytes: 64 * 1024,
  /** Of all that a schedule submits, as JSON. */
  scheduledBytes: 60 * 1024,
  priority: 10,
  delayMs: 366 * 86_400_000,
  timeoutMs: 7 * 86_400_000,
  attempts: 100,
  stalls: 100,
  dependencies: 100,
  /** Jobs that one flow has at most. */
  flowJobs: 100,
  backoffDelays: 100,
  /** Jobs that one claim takes at most. */
  claim: 100,
  leaseMinMs: 100,
  leaseMaxMs: 8 * 86_400_000,
  /** Of all that one job may log, as JSON; the rest is cut off, and a line says so. */
  logBytes: 1024 * 1024,
  logLineBytes: 8192,
  progressCharacters: 1024,
  reasonCharacters: 1024,
} as const;

/** A {@link JobRequest} with every default. */
export type NormalRequest = Required<Omit<JobRequest, Optional>> & { [K in Optional]: JobRequest[K] | undefined };

type Optional = "idempotencyKey" | "submitter" | "caller" | "tell";

const TYPE = /^[A-Za-z0-9][A-Za-z0-9@/_.-]*$/;
const MINUTES_5 = 300_000;

/** @throws AspenError `INVALID_PARAMS` naming the field */
export function normalRequest(request: JobRequest): NormalRequest {
  const { type, payload = null, priority = 0, delayMs = 0, timeoutMs = MINUTES_5, attempts = 1 } = request;
  const { backoff = DEFAULT_BACKOFF, maxStalls = 1, idempotencyKey, onDependencyFailure = "fail" } = request;
  const { group = "", submitter, allowUnknown = false } = request;
  assertJobType(type);
  whole("priority", priority, -JOB_LIMITS.priority, JOB_LIMITS.priority);
  whole("delayMs", delayMs, 0, JOB_LIMITS.delayMs);
  whole("timeoutMs", timeoutMs, 1, JOB_LIMITS.timeoutMs);
  whole("attempts", attempts, 1, JOB_LIMITS.attempts);
  whole("maxStalls", maxStalls, 0, JOB_LIMITS.stalls);
  assertBackoff(backoff);
  text("group", group, 0, JOB_LIMITS.groupCharacters);
  if (idempotencyKey !== undefined) text("idempotencyKey", idempotencyKey, 1, JOB_LIMITS.idempotencyKeyCharacters);
  if (submitter !== undefined) text("submitter", submitter, 1, JOB_LIMITS.submitterCharacters);
  const dependsOn = [...new Set(request.dependsOn ?? [])];
  if (dependsOn.length > JOB_LIMITS.dependencies) {
    throw jobsErrors.invalid(
      "dependsOn",
      `names ${dependsOn.length} jobs; at most ${JOB_LIMITS.dependencies} are allowed`,
    );
  }
  for (const id of dependsOn) assertJobId("dependsOn", id);
  if (onDependencyFailure !== "fail" && onDependencyFailure !== "ignore") {
    throw jobsErrors.invalid("onDependencyFailure", 'must be "fail" or "ignore"');
  }
  return {
    type,
    payload,
    priority,
    delayMs,
    timeoutMs,
    attempts,
    backoff,
    maxStalls,
    idempotencyKey,
    dependsOn,
    onDependencyFailure,
    group,
    submitter,
    caller: keptCaller(request.caller),
    tell: request.tell,
    allowUnknown,
  };
}

/** @throws AspenError `INVALID_PARAMS` */
export function assertJobType(type: string): void {
  if (typeof type !== "string" || type.length > JOB_LIMITS.typeCharacters || !TYPE.test(type)) {
    throw jobsErrors.invalid(
      "type",
      `must be 1 to ${JOB_LIMITS.typeCharacters} letters, digits and @ / _ . - from a letter or digit on`,
    );
  }
}

/** @throws AspenError `INVALID_PARAMS` */
export function assertJobId(field: string, id: string): void {
  if (typeof id !== "string" || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) {
    throw jobsErrors.invalid(field, "must be the id of a job, a UUID in lower case");
  }
}

/** @throws AspenError `INVALID_PARAMS` */
export function assertWorkerName(name: string): void {
  text("worker", name, 1, JOB_LIMITS.workerCharacters);
}

/** @throws AspenError `INVALID_PARAMS` */
export function whole(field: string, value: number, least: number, most: number): void {
  if (!(Number.isSafeInteger(value) && value >= least && value <= most)) {
    throw jobsErrors.invalid(field, `must be a whole number from ${least} to ${most}`);
  }
}

function assertBackoff(backoff: Backoff): void {
  const { type, jitter = 0 } = backoff;
  if (!(jitter >= 0 && jitter <= 1)) throw jobsErrors.invalid("backoff.jitter", "must be a number from 0 to 1");
  if (type === "list") {
    const { delaysMs } = backoff;
    if (!Array.isArray(delaysMs) || delaysMs.length < 1 || delaysMs.length > JOB_LIMITS.backoffDelays) {
      throw jobsErrors.invalid("backoff.delaysMs", `must be a list of 1 to ${JOB_LIMITS.backoffDelays} delays`);
    }
    for (const delay of delaysMs) whole("backoff.delaysMs", delay, 0, JOB_LIMITS.delayMs);
  } else if (type === "fixed" || type === "exponential") {
    whole("backoff.delayMs", backoff.delayMs, 0, JOB_LIMITS.delayMs);
    if (type === "exponential" && backoff.maxMs !== undefined) {
      whole("backoff.maxMs", backoff.maxMs, 0, JOB_LIMITS.delayMs);
    }
  } else throw jobsErrors.invalid("backoff.type", 'must be "fixed", "exponential" or "list"');
}

function text(field: string, value: string, least: number, most: number): void {
  if (typeof value !== "string" || value.length < least || value.length > most || !value.isWellFormed()) {
    throw jobsErrors.invalid(field, `must be well-formed text of ${least} to ${most} characters`);
  }
}
