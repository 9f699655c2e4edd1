import { given } from "@aspen/feature";
import type { RedisQueueBackend } from "bullmq";
import { assertJobType, assertWorkerName, JOB_LIMITS, whole } from "../../options.js";
import type { ClaimedJob, ClaimOptions, ClaimType } from "../contract.js";
import { type JobMeta, NO_META, optionsOf } from "./job-record.js";
import type { BullMqParts } from "./parts.js";
import { Tokens } from "./tokens.js";

/** What the end of an attempt needs to know of it. */
export interface Claimed {
  readonly type: string;
  readonly token: number;
  readonly meta: JobMeta;
  readonly failures: number;
  readonly maxAttempts: number;
}

/** Jobs that are remembered as claimed; those of a worker that vanished are never settled. */
const REMEMBERED = 10_000;

/** Takes jobs for one process, and remembers them until they are settled. */
export class BullMqClaimer {
  readonly #parts: BullMqParts;
  readonly #tokens = new Tokens();
  readonly #claimed = new Map<string, Claimed>();
  /** How many of a type a claim got last: as many, and one more, are asked for at once. */
  readonly #last = new Map<string, number>();

  constructor(parts: BullMqParts) {
    this.#parts = parts;
  }

  /** The attempt of a token, if it was claimed here. */
  known(id: string, token: number): Claimed | undefined {
    const claimed = this.#claimed.get(id);
    return claimed?.token === token ? claimed : undefined;
  }

  /** What a job that was claimed here is locked with. */
  lockOf(id: string): string | undefined {
    const claimed = this.#claimed.get(id);
    return claimed && Tokens.lockIn(claimed.token);
  }

  forget(id: string): void {
    this.#claimed.delete(id);
  }

  /** @throws AspenError `INVALID_PARAMS` */
  async claim({ worker, types, limit, leaseMs }: ClaimOptions): Promise<ClaimedJob[]> {
    whole("limit", limit, 1, JOB_LIMITS.claim);
    whole("leaseMs", leaseMs, JOB_LIMITS.leaseMinMs, JOB_LIMITS.leaseMaxMs);
    assertWorkerName(worker);
    for (const { type, rate } of types) {
      assertJobType(type);
      if (rate) whole("rate.max", rate.max, 1, 1_000_000);
      if (rate) whole("rate.perMs", rate.perMs, 1, 86_400_000);
    }
    if (this.#claimed.size > REMEMBERED) this.#claimed.clear();
    const claimed: ClaimedJob[] = [];
    const start = Math.floor(Math.random() * types.length);
    for (const wanted of [...types.slice(start), ...types.slice(0, start)]) {
      const left = Math.min(limit - claimed.length, wanted.limit ?? limit);
      if (left > 0) claimed.push(...(await this.#claimOf(wanted, left, worker, leaseMs)));
    }
    if (claimed.length > 0) this.#parts.signals.due(Date.now() + leaseMs);
    return claimed;
  }

  async #claimOf(wanted: ClaimType, limit: number, worker: string, leaseMs: number): Promise<ClaimedJob[]> {
    const { type, rate } = wanted;
    const settings = {
      lockDuration: leaseMs,
      ...(rate ? { limiter: { max: rate.max, duration: rate.perMs } } : {}),
    };
    const backend = this.#parts.bull.claiming(type, settings);
    const jobs: ClaimedJob[] = [];
    for (let size = Math.min(limit, (this.#last.get(type) ?? 0) + 1); size > 0; ) {
      const got = await Promise.all(
        Array.from({ length: size }, () => this.#claimOne(wanted, backend, worker, leaseMs)),
      );
      const found = got.filter((job) => job !== null);
      jobs.push(...found);
      if (found.length < size) break;
      size = Math.min(limit - jobs.length, 2 * size);
    }
    this.#last.set(type, jobs.length);
    return jobs;
  }

  async #claimOne(
    wanted: ClaimType,
    backend: RedisQueueBackend,
    worker: string,
    leaseMs: number,
  ): Promise<ClaimedJob | null> {
    const { bull, values } = this.#parts;
    const { type, leaseBeyondTimeoutMs: beyond } = wanted;
    const lock = this.#tokens.lock();
    const [json, id] = await backend.moveToActive(lock, worker);
    if (!json || typeof id !== "string") return null;
    const { meta, attempts: maxAttempts } = optionsOf(json.opts ?? {});
    // From here on it is listed, and found by its id.
    if (meta === NO_META) await bull.script("place", id, type, bull.names.indexed(id, json.timestamp));
    const starts: number = json.attemptsStarted;
    const token = Tokens.of(starts, lock);
    this.#claimed.set(id, { type, token, meta, failures: json.attemptsMade ?? 0, maxAttempts });
    const { group, timeoutMs, caller } = meta;
    if (beyond !== undefined && timeoutMs + beyond > leaseMs) {
      await bull.of(type).extendLock(id, lock, timeoutMs + beyond);
    }
    // A first start is one that counts.
    const uncounted = starts > 1 ? Number((await bull.call("HGET", bull.names.of(type, id), "uncounted")) ?? 0) : 0;
    const payload = meta.blob === undefined ? JSON.parse(json.data) : await values.load({ blob: meta.blob });
    const attempt = starts - uncounted;
    return { id, type, payload, group, attempts: attempt, maxAttempts, timeoutMs, token, ...given({ caller }) };
  }
}
