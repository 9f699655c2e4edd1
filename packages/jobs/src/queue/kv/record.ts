import { decodeUtf8 } from "@aspen/plugin-api";
import type { Caller } from "@aspen/rpc-core";
import type { Backoff } from "../../backoff.js";
import type { JobAudience } from "../../ends/job-audience.js";
import type { JobFailure, JobOrigin, JobProgress } from "../../job.js";
import type { JobStatus } from "../../job-states.js";

/** A payload or a result: as JSON text, or as the hash of a blob that holds it. */
export type StoredValue = { readonly json: string } | { readonly blob: string };

/** A job as it is stored. Times are milliseconds since the Unix epoch. */
export interface JobRecord {
  readonly id: string;
  readonly type: string;
  readonly status: JobStatus;
  readonly payload: StoredValue;
  readonly priority: number;
  readonly group: string;
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  readonly maxStalls: number;
  readonly onDependencyFailure: "fail" | "ignore";
  readonly submittedAt: number;
  readonly readyAt: number;
  /** Starts, failures and stalls since the submit or the last retry by hand. */
  readonly attempts: number;
  readonly failures: number;
  readonly stalls: number;
  /** Fencing token: grows with every start, for ever. */
  readonly token: number;
  /** 0 unless it runs. */
  readonly leaseUntil: number;
  /** 0 until it is finished. */
  readonly keepUntil: number;
  readonly waitingFor: readonly string[];
  /** Jobs that were submitted to wait for this one; grows only. */
  readonly children: number;
  /** Of all lines that it wrote, and in how many writes. */
  readonly logBytes: number;
  readonly logChunks: number;
  readonly progress: JobProgress | null;
  readonly idempotencyKey?: string | undefined;
  readonly submitter?: string | undefined;
  readonly caller?: Caller | undefined;
  readonly tell?: JobAudience | undefined;
  readonly schedule?: JobOrigin | undefined;
  readonly startedAt?: number | undefined;
  readonly finishedAt?: number | undefined;
  readonly worker?: string | undefined;
  readonly cancel?: { readonly reason?: string } | undefined;
  readonly result?: StoredValue | undefined;
  readonly error?: JobFailure | undefined;
}

/** A record, and the version by which the next change finds out that nobody else made one. */
export interface VersionedRecord {
  readonly record: JobRecord;
  readonly version: number;
}

/** Values that a stored record leaves out. They are part of the format, whatever a submit takes by default. */
const USUAL = {
  backoff: { type: "exponential", delayMs: 1000, maxMs: 300_000, jitter: 0.2 },
  timeoutMs: 300_000,
  maxAttempts: 1,
  maxStalls: 1,
  onDependencyFailure: "fail",
} as const;

/** A record as text, the same for records that say the same. Most of it is rewritten with each change, so it is short. */
export function textOf(record: JobRecord): string {
  const { id, type, status, payload, priority, group, timeoutMs, maxAttempts, backoff, maxStalls } = record;
  const { onDependencyFailure, attempts, failures, stalls, token, leaseUntil, keepUntil, waitingFor } = record;
  const { children, logBytes, logChunks, progress } = record;
  // JSON leaves out what is undefined.
  const unless = <Value>(usual: Value, value: Value) => (value === usual ? undefined : value);
  return JSON.stringify({
    id,
    type,
    status,
    payload,
    submittedAt: record.submittedAt,
    readyAt: unless(record.submittedAt, record.readyAt),
    priority: unless(0, priority),
    group: unless("", group),
    timeoutMs: unless<number>(USUAL.timeoutMs, timeoutMs),
    maxAttempts: unless<number>(USUAL.maxAttempts, maxAttempts),
    backoff: isUsual(backoff) ? undefined : backoff,
    maxStalls: unless<number>(USUAL.maxStalls, maxStalls),
    onDependencyFailure: unless<string>(USUAL.onDependencyFailure, onDependencyFailure),
    attempts: unless(0, attempts),
    failures: unless(0, failures),
    stalls: unless(0, stalls),
    token: unless(0, token),
    leaseUntil: unless(0, leaseUntil),
    keepUntil: unless(0, keepUntil),
    waitingFor: waitingFor.length === 0 ? undefined : waitingFor,
    children: unless(0, children),
    logBytes: unless(0, logBytes),
    logChunks: unless(0, logChunks),
    progress: progress ?? undefined,
    idempotencyKey: record.idempotencyKey,
    submitter: record.submitter,
    caller: record.caller,
    tell: record.tell,
    schedule: record.schedule,
    startedAt: record.startedAt,
    finishedAt: record.finishedAt,
    worker: record.worker,
    cancel: record.cancel,
    result: record.result,
    error: record.error,
  });
}

function isUsual(backoff: Backoff): boolean {
  const { type, delayMs, maxMs, jitter } = USUAL.backoff;
  return backoff.type === type && backoff.delayMs === delayMs && backoff.maxMs === maxMs && backoff.jitter === jitter;
}

export function encodeRecord(record: JobRecord): Uint8Array {
  // A buffer of Node's pool; an encoder makes each its own, which costs more than the rest.
  return Buffer.from(textOf(record));
}

type Needed = "id" | "type" | "status" | "payload" | "submittedAt";
type Parts = Pick<JobRecord, Needed> & Partial<JobRecord>;

/** A record of what is not usual. All records have their fields in one order, which makes them quick to read and to copy. */
export function recordOf(parts: Parts): JobRecord {
  return {
    id: parts.id,
    type: parts.type,
    status: parts.status,
    payload: parts.payload,
    submittedAt: parts.submittedAt,
    readyAt: parts.readyAt ?? parts.submittedAt,
    priority: parts.priority ?? 0,
    group: parts.group ?? "",
    timeoutMs: parts.timeoutMs ?? USUAL.timeoutMs,
    maxAttempts: parts.maxAttempts ?? USUAL.maxAttempts,
    backoff: parts.backoff ?? USUAL.backoff,
    maxStalls: parts.maxStalls ?? USUAL.maxStalls,
    onDependencyFailure: parts.onDependencyFailure ?? USUAL.onDependencyFailure,
    attempts: parts.attempts ?? 0,
    failures: parts.failures ?? 0,
    stalls: parts.stalls ?? 0,
    token: parts.token ?? 0,
    leaseUntil: parts.leaseUntil ?? 0,
    keepUntil: parts.keepUntil ?? 0,
    waitingFor: parts.waitingFor ?? [],
    children: parts.children ?? 0,
    logBytes: parts.logBytes ?? 0,
    logChunks: parts.logChunks ?? 0,
    progress: parts.progress ?? null,
    idempotencyKey: parts.idempotencyKey,
    submitter: parts.submitter,
    caller: parts.caller,
    tell: parts.tell,
    schedule: parts.schedule,
    startedAt: parts.startedAt,
    finishedAt: parts.finishedAt,
    worker: parts.worker,
    cancel: parts.cancel,
    result: parts.result,
    error: parts.error,
  };
}

/** Only this package writes records. */
export function decodeRecord(value: Uint8Array): JobRecord {
  return recordOf(JSON.parse(decodeUtf8(value)) as Parts);
}
