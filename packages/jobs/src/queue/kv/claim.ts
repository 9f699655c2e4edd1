import { assertJobType, assertWorkerName, JOB_LIMITS, whole } from "../../options.js";
import type { ClaimOptions, ClaimType } from "../contract.js";
import { withEventsJoined } from "./events.js";
import type { JobTable } from "./job-table.js";
import { idAt, type JobKeys } from "./keys.js";
import { tryTransact } from "./outcome.js";
import { takeOfRate } from "./rate.js";
import { type JobRecord, textOf, type VersionedRecord } from "./record.js";

/** Groups that one claim looks into. */
const GROUPS = 16;
/** Jobs at the head of a group among which claimers choose at random, when they get in each other's way. */
const MOST_SPREAD = 256;

/** Takes jobs for one process. It remembers whose turn it is, and whether others are at the same jobs. */
export class Claimer {
  readonly #table: JobTable;
  /** Of each type, where the groups that have not had their turn begin. */
  readonly #turns = new Map<string, string>();
  /** Of each type that had one group when it was last looked at, that group. */
  readonly #only = new Map<string, string>();
  #spread = 0;

  constructor(table: JobTable) {
    this.#table = table;
  }

  /** @throws AspenError `INVALID_PARAMS`, or what the store throws */
  async claim({ worker, types, limit, leaseMs }: ClaimOptions): Promise<VersionedRecord[]> {
    whole("limit", limit, 1, JOB_LIMITS.claim);
    whole("leaseMs", leaseMs, JOB_LIMITS.leaseMinMs, JOB_LIMITS.leaseMaxMs);
    assertWorkerName(worker);
    for (const { type } of types) assertJobType(type);
    const claimed: VersionedRecord[] = [];
    for (const wanted of inRandomOrder(types)) {
      const left = Math.min(limit - claimed.length, wanted.limit ?? limit);
      if (left > 0) claimed.push(...(await this.#claimOf(wanted, left, worker, leaseMs)));
    }
    return claimed;
  }

  async #claimOf(wanted: ClaimType, limit: number, worker: string, leaseMs: number): Promise<VersionedRecord[]> {
    const candidates = await this.#candidates(wanted.type, limit);
    const allowed = wanted.rate
      ? await takeOfRate(this.#table, wanted.type, wanted.rate, Math.min(limit, candidates.length))
      : limit;
    const beyond = wanted.leaseBeyondTimeoutMs;
    return this.#take(candidates.slice(0, allowed), (record, now) => ({
      ...record,
      status: "running",
      attempts: record.attempts + 1,
      token: record.token + 1,
      startedAt: now,
      progress: null,
      leaseUntil: now + (beyond === undefined ? leaseMs : Math.max(leaseMs, record.timeoutMs + beyond)),
      worker,
    }));
  }

  /** At most `limit` jobs of the type that were there to be claimed, from the groups whose turn it is. */
  async #candidates(type: string, limit: number): Promise<VersionedRecord[]> {
    const guess = this.#only.get(type);
    // Most types have one group: its head is read together with the groups.
    const [groups, guessed] = await Promise.all([
      this.#groupsInTurn(type, Math.min(limit, GROUPS)),
      guess === undefined ? [] : this.#head(type, guess, limit),
    ]);
    const share = Math.ceil(limit / Math.max(1, groups.length));
    const { kv, keys } = this.#table;
    const [first] = groups;
    if (first && groups.length === 1 && !this.#turns.has(type)) this.#only.set(type, groupAt(keys, type, first.key));
    else this.#only.delete(type);
    const heads = await Promise.all(
      groups.map(async ({ key, version }) => {
        const group = groupAt(keys, type, key);
        const right = groups.length === 1 && group === guess && guessed.length > 0;
        const ids = right ? guessed : await this.#head(type, group, share);
        // Its version, read before, changes with every job that is added: it is not forgotten by mistake.
        if (ids.length === 0) await kv.transact({ checks: [{ key, version }], ops: [{ type: "delete", key }] });
        return this.#spread > 0 ? inRandomOrder(ids).slice(0, share) : ids;
      }),
    );
    const ids = interleaved(heads).slice(0, limit);
    const found = await this.#table.readMany(ids);
    return found.filter(({ record }) => record.status === "pending" && record.waitingFor.length === 0);
  }

  /** The first jobs of a group, at least `count` of those that are there. */
  async #head(type: string, group: string, count: number): Promise<string[]> {
    const { kv, keys } = this.#table;
    const prefix = keys.pendingIn(type, group);
    const { entries } = await kv.scan({ prefix, limit: count + this.#spread, keysOnly: true });
    return entries.map(({ key }) => idAt(key));
  }

  /** The next groups of a type that may have jobs, after those that were looked at last. */
  async #groupsInTurn(type: string, limit: number) {
    const { kv, keys } = this.#table;
    const prefix = keys.groups(type);
    const after = this.#turns.get(type);
    const page = await kv.scan({ prefix, limit, keysOnly: true, ...(after === undefined ? {} : { after }) });
    const groups = [...page.entries];
    if (page.cursor === undefined) this.#turns.delete(type);
    else this.#turns.set(type, page.cursor);
    if (after !== undefined && groups.length < limit) {
      // Round again from the first one.
      const again = await kv.scan({ prefix, limit: limit - groups.length, keysOnly: true });
      groups.push(...again.entries.filter(({ key }) => !groups.some((other) => other.key === key)));
      if (again.cursor === undefined) this.#turns.delete(type);
      else this.#turns.set(type, again.cursor);
    }
    return groups;
  }

  /** Those that nobody else took first. */
  async #take(
    candidates: readonly VersionedRecord[],
    start: (record: JobRecord, now: number) => JobRecord,
  ): Promise<VersionedRecord[]> {
    const { kv, keys, clock } = this.#table;
    const now = clock.now();
    let left = candidates.map((before) => ({ before, after: start(before.record, now) }));
    let conflicts = 0;
    while (left.length > 0) {
      const checks = left.map(({ before }) => ({ key: keys.job(before.record.id), version: before.version }));
      const ops = left.flatMap(({ before, after }) => this.#table.ops(before.record, after));
      const result = await tryTransact(kv, { checks, ops: withEventsJoined(ops, keys) });
      if (result === "unknown") return this.#ours(left.map(({ after }) => after));
      if (result.ok) {
        this.#adapt(conflicts);
        return left.map(({ after }) => ({ record: after, version: result.version }));
      }
      conflicts += 1;
      left = left.filter((_, index) => index !== result.failed);
    }
    this.#adapt(conflicts);
    return [];
  }

  /** After an answer that was lost: what the transaction started, if it was applied. */
  async #ours(started: readonly JobRecord[]): Promise<VersionedRecord[]> {
    const found = await this.#table.readMany(started.map(({ id }) => id));
    return found.filter(({ record }) => started.some((it) => textOf(it) === textOf(record)));
  }

  #adapt(conflicts: number): void {
    this.#spread = conflicts > 0 ? Math.min(Math.max(16, this.#spread * 2), MOST_SPREAD) : Math.floor(this.#spread / 2);
  }
}

function groupAt(keys: JobKeys, type: string, key: string): string {
  return decodeURIComponent(key.slice(keys.groups(type).length));
}

/** One of each list, then the next of each. */
function interleaved<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, place) => lists.flatMap((list) => list.slice(place, place + 1))).flat();
}

function inRandomOrder<T>(items: readonly T[]): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}
