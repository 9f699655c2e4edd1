import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "@aspen/feature";
import type { Check, KeyValueStore, Op, Transaction } from "@aspen/storage";
import { jobsErrors } from "../../errors.js";
import { canBecome } from "../../job-states.js";
import { eventOp, withEventsJoined } from "./events.js";
import { type Committed, GroupCommit } from "./group-commit.js";
import type { JobKeys } from "./keys.js";
import { decodeRecord, encodeRecord, type JobRecord, textOf, type VersionedRecord } from "./record.js";

const EMPTY = new Uint8Array(0);
/** Times that a change is tried against what others make of the job meanwhile. */
const ATTEMPTS = 100;
const LONGEST_WAIT_MS = 64;

/** What a change makes of a record, beside what follows from it. */
export interface Change {
  /** Null: the job is forgotten. */
  readonly next: JobRecord | null;
  readonly ops?: readonly Op[];
}

export interface JobTableOptions {
  readonly kv: KeyValueStore;
  readonly keys: JobKeys;
  readonly clock: Clock;
  /** Milliseconds for which events are kept. */
  readonly eventsMs: number;
}

/** The records of jobs. A change of one moves its place and writes its event in the same transaction. */
export class JobTable {
  readonly kv: KeyValueStore;
  readonly keys: JobKeys;
  readonly clock: Clock;
  readonly #eventsMs: number;
  readonly #commits: GroupCommit;

  constructor({ kv, keys, clock, eventsMs }: JobTableOptions) {
    this.kv = kv;
    this.keys = keys;
    this.clock = clock;
    this.#eventsMs = eventsMs;
    this.#commits = new GroupCommit(kv, (ops) => withEventsJoined(ops, keys));
  }

  /** A transaction of one job, together with those of others. @throws AspenError what the store throws */
  transact(transaction: Transaction): Promise<Committed> {
    return this.#commits.transact(transaction);
  }

  async read(id: string): Promise<VersionedRecord | null> {
    const entry = await this.kv.get(this.keys.job(id));
    return entry && { record: decodeRecord(entry.value), version: entry.version };
  }

  /** The records that are there. */
  async readMany(ids: readonly string[]): Promise<VersionedRecord[]> {
    if (ids.length === 0) return [];
    const entries = await this.kv.getMany(ids.map(this.keys.job));
    return entries.flatMap((entry) => (entry ? [{ record: decodeRecord(entry.value), version: entry.version }] : []));
  }

  /** The operations that make `after` of `before`; null stands for a job that is not there. */
  ops(before: JobRecord | null, after: JobRecord | null): Op[] {
    const { keys } = this;
    if (before && after && before.status !== after.status && !canBecome(before.status, after.status)) {
      throw new Error(`a job cannot become ${after.status} from ${before.status}`);
    }
    const ops: Op[] = [];
    const [from, to] = [before && keys.place(before), after && keys.place(after)];
    if (from !== null && from !== to) ops.push({ type: "delete", key: from });
    if (after) {
      ops.push({ type: "put", key: keys.job(after.id), value: encodeRecord(after) });
      if (to !== null && from !== to) ops.push({ type: "put", key: to, value: EMPTY });
      // In the same transaction as the place, so that whoever finds the group empty notices by the version.
      if (after.status === "pending" && after.waitingFor.length === 0 && from !== to) {
        ops.push({ type: "put", key: keys.group(after.type, after.group), value: EMPTY });
      }
    } else if (before) ops.push({ type: "delete", key: keys.job(before.id) });
    if (before?.status !== after?.status) {
      const what = after ? after.status : "removed";
      ops.push(eventOp(keys, (after ?? before)!, what, this.clock.now(), this.#eventsMs));
    }
    return ops;
  }

  /**
   * Makes of a job what `decide` makes of its current record; null: nothing. `decide` may be asked several times.
   * `known` is what the caller takes for the current record; when it is not, nothing is lost but a round trip.
   *
   * @throws AspenError `JOB_NOT_FOUND`, `KV_CONFLICT` when others were faster each time, or what `decide` throws
   */
  async change(
    id: string,
    decide: (record: JobRecord) => Change | null | Promise<Change | null>,
    known?: VersionedRecord,
  ): Promise<VersionedRecord | null> {
    let current = known ?? (await this.read(id));
    /** What was tried without an answer; "" stands for a job that is forgotten. */
    let tried: string | null = null;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (!current) {
        if (tried === "") return null;
        throw jobsErrors.notFound(id);
      }
      // The answer to the attempt before was lost, and it was applied.
      if (tried !== null && tried === textOf(current.record)) return current;
      const change = await decide(current.record);
      if (!change) return current;
      const checks: Check[] = [{ key: this.keys.job(id), version: current.version }];
      const result = await this.transact({
        checks,
        ops: [...this.ops(current.record, change.next), ...(change.ops ?? [])],
      });
      if (result === "unknown") tried = change.next ? textOf(change.next) : "";
      else if (result.ok) return change.next && { record: change.next, version: result.version };
      if (attempt > 0) await delay(Math.random() * Math.min(2 ** attempt, LONGEST_WAIT_MS));
      current = await this.read(id);
    }
    throw jobsErrors.conflict(id, ATTEMPTS);
  }
}
