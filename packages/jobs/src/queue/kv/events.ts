import type { Op } from "@aspen/storage";
import type { JobKeys } from "./keys.js";
import type { JobRecord } from "./record.js";

/** What the outbox has of each change of a job's status. */
export interface JobEvent {
  /** `job.` and the status, or `job.removed`. */
  readonly kind: string;
  readonly id: string;
  readonly type: string;
  readonly group: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/** The operation that tells it, of the transaction that does it. */
export function eventOp(keys: JobKeys, record: JobRecord, what: string, at: number, keepMs: number): Op {
  const { id, type, group } = record;
  const event: JobEvent = { kind: `job.${what}`, id, type, group, at };
  return { type: "append", prefix: keys.events, value: Buffer.from(JSON.stringify(event)), ttlMs: keepMs };
}
