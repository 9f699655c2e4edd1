import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { isAspenError } from "@aspen/plugin-api";
import type { RedisConnection, RedisQueueBackend } from "bullmq";
import { jobsErrors } from "../../errors.js";
import type { BullMqNames } from "./names.js";
import { loadBullMq } from "./packages.js";
import type { RedisBatch, RedisLike } from "./redis-like.js";
import { SCRIPTS, type ScriptName } from "./scripts.js";

/** Milliseconds that the first connection may take. */
const OPEN_MS = 5000;

/** How jobs are claimed: what BullMQ takes from the options of a worker. */
export interface ClaimSettings {
  readonly lockDuration: number;
  readonly limiter?: { readonly max: number; readonly duration: number };
}

/** BullMQ on one connection: its operations by type of job, our scripts, and plain commands. */
export class BullMqConnection {
  readonly redis: RedisLike;
  readonly names: BullMqNames;
  /** Of the queue, for ever. */
  readonly identity: string;
  readonly #bull: typeof import("bullmq");
  readonly #connection: RedisConnection;
  readonly #backends = new Map<string, RedisQueueBackend>();
  readonly #claiming = new Map<string, { settings: ClaimSettings; backend: RedisQueueBackend }>();
  readonly #onError: (error: unknown) => void;

  private constructor(
    bull: typeof import("bullmq"),
    connection: RedisConnection,
    redis: RedisLike,
    { names, identity, onError }: { names: BullMqNames; identity: string; onError: (error: unknown) => void },
  ) {
    this.identity = identity;
    this.#bull = bull;
    this.#connection = connection;
    this.redis = redis;
    this.names = names;
    this.#onError = onError;
  }

  /**
   * @throws AspenError `PACKAGE_MISSING` without bullmq; `STORE_UNAVAILABLE` when Redis cannot be used: it does not answer,
   * or evicts keys
   */
  static async open(
    redis: RedisLike,
    names: BullMqNames,
    onError: (error: unknown) => void,
  ): Promise<BullMqConnection> {
    const bull = await loadBullMq();
    return asStoreError(async () => {
      // BullMQ warns of what is checked below on the console, where a library has no business.
      const options = { shared: true, blocking: false, skipVersionCheck: true };
      const connection = new bull.RedisConnection(redis as never, options);
      connection.on("error", onError);
      await within(OPEN_MS, connection.client);
      await assertUsable(redis);
      for (const [name, lua] of Object.entries(SCRIPTS)) {
        redis.defineCommand(commandOf(name as ScriptName), { numberOfKeys: 1, lua });
      }
      await redis.call("SET", names.identity, randomUUID(), "NX");
      const identity = String(await redis.call("GET", names.identity));
      return new BullMqConnection(bull, connection, redis, { names, identity, onError });
    });
  }

  /** BullMQ's operations on the queue of a type. */
  of(type: string): RedisQueueBackend {
    let backend = this.#backends.get(type);
    if (!backend) {
      backend = this.#backend(type, {});
      this.#backends.set(type, backend);
      // Sent before whatever the caller does, on the same connection.
      this.call("SADD", this.names.queues, type).catch((error) => {
        this.#backends.delete(type);
        this.#onError(error);
      });
    }
    return backend;
  }

  /** The same for claims. */
  claiming(type: string, settings: ClaimSettings): RedisQueueBackend {
    this.of(type);
    const last = this.#claiming.get(type);
    if (last && JSON.stringify(last.settings) === JSON.stringify(settings)) return last.backend;
    const backend = this.#backend(type, settings);
    this.#claiming.set(type, { settings, backend });
    return backend;
  }

  /** Several commands, BullMQ's among them, that are applied together. */
  async batch(): Promise<RedisBatch & BullBatch> {
    return (await this.#connection.client).multi() as unknown as RedisBatch & BullBatch;
  }

  script(name: ScriptName, ...args: (string | number)[]): Promise<unknown> {
    const commands = this.redis as unknown as Record<string, (...args: (string | number)[]) => Promise<unknown>>;
    return commands[commandOf(name)]!(this.names.where, this.names.prefix, ...args);
  }

  /** Lets a job go that waits for nothing more; its delay counts from `since`. */
  async release(type: string, id: string, since: number): Promise<void> {
    const key = this.names.of(type, id);
    const queue = `${this.names.prefix}:${type}`;
    const client = await this.#connection.client;
    const args = [key, `${key}:dependencies`, queue, id, since];
    await this.of(type).execCommand(client, "releaseParentIfNoPendingDependencies", args);
  }

  call(command: string, ...args: (string | number)[]): Promise<unknown> {
    return this.redis.call(command, ...args);
  }

  /** Types that have a queue of BullMQ, in order. */
  async queues(): Promise<string[]> {
    return ((await this.call("SMEMBERS", this.names.queues)) as string[]).sort();
  }

  /** Members of a sorted set with their scores; a client of RESP3 gives pairs, one of RESP2 a flat list. */
  async byScore(key: string, from: string, to: string, skip: number, count: number): Promise<Scored[]> {
    const range = [from, to, "WITHSCORES", "LIMIT", skip, count];
    const reply = (await this.call("ZRANGEBYSCORE", key, ...range)) as unknown[];
    const flat = reply.flat().map(String);
    return Array.from({ length: flat.length / 2 }, (_, n) => ({ id: flat[2 * n]!, score: flat[2 * n + 1]! }));
  }

  async typeOf(id: string): Promise<string | null> {
    return (await this.call("HGET", this.names.where, id)) as string | null;
  }

  /** Leaves the client as it was. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  #backend(type: string, settings: Partial<ClaimSettings>): RedisQueueBackend {
    const { RedisQueueBackend, QueueKeys } = this.#bull;
    const keys = new QueueKeys(this.names.prefix);
    const options = { connection: {}, prefix: this.names.prefix, ...settings };
    const toKey = (name: string) => keys.toKey(type, name);
    return new RedisQueueBackend(this.#connection, type, keys.getKeys(type), toKey, options, undefined, false);
  }
}

/** A member of a sorted set. */
export interface Scored {
  readonly id: string;
  readonly score: string;
}

/** A batch as `addJobToTransaction` of BullMQ takes it. */
type BullBatch = Parameters<RedisQueueBackend["addJobToTransaction"]>[0];

function commandOf(name: ScriptName): string {
  return `aspenJobs:${name}`;
}

/** A client tries to connect for ever. @throws AspenError `STORE_UNAVAILABLE` */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = delay(ms, undefined, { signal: over.signal }).then(() => {
    throw jobsErrors.redisFailed(new Error(`there is no connection after ${ms} ms`));
  });
  // Neither is waited for when the other is there first.
  late.catch(() => undefined);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}

/** @throws AspenError `STORE_UNAVAILABLE` */
async function assertUsable(redis: RedisLike): Promise<void> {
  const info = String(await redis.call("INFO"));
  const [, major = 0, minor = 0] = /^redis_version:(\d+)\.(\d+)/m.exec(info)?.map(Number) ?? [];
  if (major < 6 || (major === 6 && minor < 2)) throw jobsErrors.redisTooOld(`${major}.${minor}`);
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? "noeviction";
  if (policy !== "noeviction") throw jobsErrors.redisEvicts(policy);
}

/** What Redis and its client fail with, as a store does. @throws AspenError */
export async function asStoreError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isAspenError(error) || error instanceof TypeError || error instanceof RangeError) throw error;
    throw jobsErrors.redisFailed(error);
  }
}

/** The numbers by which BullMQ refuses a change: the job is gone, has no lock, another's, or another state. */
export function isRefusal(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === -1 || code === -2 || code === -3 || code === -6;
}
