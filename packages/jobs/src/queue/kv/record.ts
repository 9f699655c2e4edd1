import { decodeUtf8 } from "@aspen/plugin-api";
import type { Backoff } from "../../backoff.js";
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
  readonly idempotencyKey?: string;
  readonly submitter?: string;
  readonly schedule?: JobOrigin;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly worker?: string;
  readonly cancel?: { readonly reason?: string };
  readonly result?: StoredValue;
  readonly error?: JobFailure;
}

/** A record, and the version by which the next change finds out that nobody else made one. */
export interface VersionedRecord {
  readonly record: JobRecord;
  readonly version: number;
}

export function encodeRecord(record: JobRecord): Uint8Array {
  // A buffer of Node's pool; an encoder makes each its own, which costs more than the rest.
  return Buffer.from(JSON.stringify(record));
}

/** Only this package writes records. */
export function decodeRecord(value: Uint8Array): JobRecord {
  return JSON.parse(decodeUtf8(value)) as JobRecord;
}
