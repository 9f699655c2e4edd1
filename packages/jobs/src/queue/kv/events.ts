import type { Op } from "@aspen/storage";
import type { JobKeys } from "./keys.js";
import type { JobRecord } from "./record.js";

/** What the outbox has of each change of a job's status: an entry of it is a list of those of one transaction. */
export interface JobEvent {
  /** `job.` and the status, or `job.removed`. */
  readonly kind: string;
  readonly id: string;
  readonly type: string;
  readonly group: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

type Append = Extract<Op, { type: "append" }>;

/** The operation that tells it, of the transaction that does it. */
export function eventOp(keys: JobKeys, record: JobRecord, what: string, at: number, keepMs: number): Op {
  const { id, type, group } = record;
  const event: JobEvent = { kind: `job.${what}`, id, type, group, at };
  return { type: "append", prefix: keys.events, value: Buffer.from(JSON.stringify([event])), ttlMs: keepMs };
}

/** The operations of a transaction with its events in one entry, as each entry costs a store as much as a record. */
export function withEventsJoined(ops: readonly Op[], keys: JobKeys): Op[] {
  const isEvent = (op: Op): op is Append => op.type === "append" && op.prefix === keys.events;
  const events = ops.filter(isEvent);
  const [first] = events;
  if (!first || events.length === 1) return [...ops];
  const lists = events.flatMap(({ value }, index) => [index === 0 ? "[" : ",", value.subarray(1, -1)]);
  const value = Buffer.concat([...lists, "]"].map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  return [...ops.filter((op) => !isEvent(op)), { ...first, value }];
}
