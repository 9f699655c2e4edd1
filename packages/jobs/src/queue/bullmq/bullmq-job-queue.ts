import type { Store } from "@aspen/storage";
import type { RedisStoreOptions } from "@aspen/storage/redis";
import type { JobEnd } from "../../ends/job-end.js";
import { jobsErrors } from "../../errors.js";
import type { FlowJob } from "../../flow.js";
import type { Job, JobFailure, JobRequest } from "../../job.js";
import type { JobStatus } from "../../job-states.js";
import { assertWorkerName, whole } from "../../options.js";
import type {
  ClaimedJob,
  ClaimOptions,
  JobLease,
  JobLogPage,
  JobPage,
  JobQueue,
  JobStats,
  JobUpdate,
  ListJobsOptions,
  Maintained,
  MaintainOptions,
  QueueInStore,
  QueueInThread,
  QueueSignal,
  UpdateAnswer,
  WorkerInfo,
} from "../contract.js";
import { JobValues } from "../kv/job-values.js";
import { BullMqClaimer } from "./claim.js";
import { asStoreError, BullMqConnection } from "./connection.js";
import { cancel, remove, retry } from "./control.js";
import { BullMqEnds } from "./ends.js";
import { type JobEventPage, JobEventReader, type JobEventsOptions } from "./events.js";
import { readJob } from "./job-record.js";
import { list, stats } from "./list.js";
import { maintain } from "./maintain.js";
import { BullMqNames } from "./names.js";
import type { BullMqParts } from "./parts.js";
import type { RedisLike } from "./redis-like.js";
import { RegisteredTypes } from "./registered-types.js";
import { repeatable } from "./repeat.js";
import { BullMqSettler } from "./settle.js";
import { BullMqSignals } from "./signals.js";
import { prepare, submit, submitFlow } from "./submit.js";
import { logs, update } from "./update.js";
import { viewOf } from "./view.js";
import { waitFor } from "./wait.js";
import { announce, retire, workers } from "./worker-infos.js";

const DAY_MS = 86_400_000;
/** The module that opens a store on Redis in a thread, by which such a store is known. */
const REDIS_STORE = "@aspen/storage/redis";

export interface BullMqJobQueueOptions {
  /**
   * The client of ioredis 6 to work with, which stays open. Redis must not evict keys: `maxmemory-policy noeviction`.
   * @default one of its own, to the servers of the store, which then has to be a `RedisStore`
   */
  redis?: RedisLike;
  /**
   * Of all keys: letters, digits and `_ . -`, at most 64. BullMQ knows it as `{prefix}`.
   * @default "aspen-jobs", or with the `keyPrefix` of the store whose Redis it is: `${keyPrefix}-jobs`
   */
  prefix?: string;
  /** The namespace of schedules in the store, which ends in its only `:`. @default "__jobs:" */
  namespace?: string;
  /** Milliseconds for which a completed job is kept. @default 86,400,000 (a day) */
  keepCompletedMs?: number;
  /** The same of a failed or cancelled one. @default 604,800,000 (a week) */
  keepFailedMs?: number;
  /** The same of a dead letter. @default 2,592,000,000 (30 days) */
  keepDeadMs?: number;
  /** From 0 to below 1, for the jitter of back-offs. @default `Math.random` */
  random?: () => number;
  /** Gets what hints between nodes, and the connection by itself, failed with. @default not told */
  onError?: (error: unknown) => void;
}

interface Opened extends BullMqParts {
  readonly redis: RedisLike;
  readonly claimer: BullMqClaimer;
  readonly settler: BullMqSettler;
  readonly ends: BullMqEnds;
}

/**
 * A queue of BullMQ on Redis, which its boards and its workers in other languages can read: each type of job is a queue of
 * BullMQ. The store keeps large payloads and results, and schedules. Redis is connected to with the first call. Every method
 * throws `AspenError` also with `PACKAGE_MISSING` when bullmq is not installed, and `STORE_UNAVAILABLE` for what Redis fails
 * with. Disposing it leaves the store, and a client that was given, open.
 */
export class BullMqJobQueue implements JobQueue {
  readonly inThread: QueueInThread | undefined;
  readonly inStore: QueueInStore;
  readonly #connectTo: () => Promise<RedisLike>;
  readonly #options: BullMqJobQueueOptions;
  readonly #values: JobValues;
  readonly #names: BullMqNames;
  readonly #retention: BullMqParts["retention"];
  #opening: Promise<Opened> | null = null;
  #closed = false;

  /**
   * @throws AspenError `INVALID_PARAMS` when an option is out of range; `CONFIG_INVALID` when no client is given and the
   * store is not on Redis
   */
  constructor(store: Pick<Store, "kv" | "blobs" | "workerStore" | "address">, options: BullMqJobQueueOptions = {}) {
    const { namespace = "__jobs:", redis } = options;
    const { kv, blobs, workerStore, address = "custom" } = store;
    const onRedis = workerStore?.module === REDIS_STORE ? workerStore : undefined;
    if (!redis && !onRedis) throw jobsErrors.bullMqNeedsRedis(address);
    const { keyPrefix = "aspen" } = redis || !onRedis ? {} : (onRedis.data as RedisStoreOptions);
    const { prefix = `${keyPrefix}-jobs` } = options;
    this.#connectTo = async () => redis ?? ownClient(onRedis!.data as RedisStoreOptions);
    this.inThread = redis || !onRedis ? undefined : { store: onRedis, namespace, bullMqPrefix: prefix };
    if (!/^[^:]+:$/.test(namespace)) throw jobsErrors.invalid("namespace", "must end in its only colon");
    this.#options = options;
    this.#names = new BullMqNames(prefix);
    this.#values = new JobValues(blobs);
    this.#retention = {
      completed: milliseconds(options, "keepCompletedMs", DAY_MS),
      failed: milliseconds(options, "keepFailedMs", 7 * DAY_MS),
      dead_letter: milliseconds(options, "keepDeadMs", 30 * DAY_MS),
    };
    this.inStore = {
      ...{ kv, namespace, clock: { now: () => Date.now() } },
      prepare: (request, origin) =>
        this.#with(async (parts) => {
          const { id, submit } = await prepare(parts, request, origin);
          // The job is in Redis, not in the transaction: its id is the tick's, and a second submit changes nothing.
          return { id, checks: [], ops: [], submit: () => asStoreError(submit), onCommitted: () => undefined };
        }),
      tellSchedules: () => this.#with(async ({ signals }) => signals.schedules()),
    };
  }

  submit(request: JobRequest): Promise<{ id: string; created: boolean }> {
    return this.#with((parts) => submit(parts, request));
  }

  submitFlow(jobs: readonly FlowJob[]): Promise<{ ids: Record<string, string> }> {
    return this.#with(async (parts) => ({ ids: await submitFlow(parts, jobs) }));
  }

  get(id: string): Promise<Job | null> {
    return this.#ofAgain(id, async ({ bull }) => {
      const job = await readJob(bull, id);
      return job && viewOf(this.#values, job);
    });
  }

  list(options: ListJobsOptions = {}): Promise<JobPage> {
    return this.#again(async ({ bull }) => {
      const { jobs, cursor } = await list(bull, options);
      return { jobs: await Promise.all(jobs.map((job) => viewOf(this.#values, job))), cursor };
    });
  }

  wait(id: string, signal?: AbortSignal): Promise<Job> {
    return this.#ofAgain(id, async (parts) => viewOf(this.#values, await waitFor(parts, id, signal)));
  }

  logs(id: string, after?: string): Promise<JobLogPage> {
    return this.#ofAgain(id, ({ bull }) => logs(bull, id, after));
  }

  cancel(id: string, reason?: string): Promise<Job> {
    return this.#ofAgain(id, async (parts) => viewOf(this.#values, await cancel(parts, id, reason)));
  }

  retry(id: string): Promise<Job> {
    return this.#of(id, async (parts) => viewOf(this.#values, await retry(parts, id)));
  }

  remove(id: string): Promise<void> {
    return this.#of(id, (parts) => remove(parts, id));
  }

  stats(): Promise<JobStats> {
    return this.#again(async ({ bull, types }) => stats(bull, await types.list()));
  }

  untold(id?: string): Promise<JobEnd[]> {
    return this.#again(({ ends }) => ends.untold(id));
  }

  told(end: JobEnd): Promise<void> {
    return this.#again(({ ends }) => ends.told(end));
  }

  registerTypes(registered: readonly string[]): Promise<void> {
    return this.#again(({ types }) => types.register(registered));
  }

  knownTypes(): Promise<string[]> {
    return this.#again(({ types }) => types.list());
  }

  announce(info: WorkerInfo, ttlMs: number): Promise<void> {
    return this.#again(async ({ bull }) => {
      assertWorkerName(info.name);
      whole("ttlMs", ttlMs, 1, DAY_MS);
      await announce(bull, info, ttlMs);
    });
  }

  retire(name: string): Promise<void> {
    return this.#again(async ({ bull }) => {
      assertWorkerName(name);
      await retire(bull, name);
    });
  }

  workers(): Promise<WorkerInfo[]> {
    return this.#again(({ bull }) => workers(bull));
  }

  claim(options: ClaimOptions): Promise<ClaimedJob[]> {
    return this.#with(({ claimer }) => claimer.claim(options));
  }

  update(updates: readonly JobUpdate[]): Promise<UpdateAnswer[]> {
    return this.#with(({ bull, claimer }) => {
      return Promise.all(updates.map((it) => update(bull, it, claimer.known(it.id, it.token)?.type)));
    });
  }

  complete(lease: JobLease, result: unknown): Promise<void> {
    return this.#leased(lease, ({ settler }) => settler.complete(lease, result));
  }

  fail(lease: JobLease, failure: JobFailure): Promise<JobStatus> {
    return this.#leased(lease, ({ settler }) => settler.fail(lease, failure));
  }

  release(lease: JobLease): Promise<void> {
    return this.#leased(lease, ({ settler }) => settler.release(lease));
  }

  maintain(options: MaintainOptions = {}): Promise<Maintained> {
    return this.#with(async (parts) => {
      const at = Date.now();
      const maintained = await maintain(parts, parts.claimer, options);
      parts.signals.maintained({ at, nextAt: maintained.nextAt, idle: maintained.idle });
      return maintained;
    });
  }

  subscribe(listener: (signal: QueueSignal) => void): Disposable {
    let over = false;
    let subscribed: Disposable | null = null;
    this.#open().then(
      ({ signals }) => {
        if (over) return;
        subscribed = signals.subscribe((hint) => {
          if (hint.kind !== "finished") listener(hint);
        });
      },
      (error) => this.#options.onError?.(error),
    );
    return {
      [Symbol.dispose]: () => {
        over = true;
        subscribed?.[Symbol.dispose]();
      },
    };
  }

  /**
   * A page of the changes of all jobs, from BullMQ's streams of events, which keep about 10,000 of each type. BullMQ writes
   * an event in the step that makes the change. One of a job that was removed has no group.
   *
   * @throws AspenError also `INVALID_PARAMS`
   */
  events(options: JobEventsOptions = {}): Promise<JobEventPage> {
    return this.#again(({ bull }) => new JobEventReader(bull).page(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    // Who could not open it has been told.
    const opened = await this.#opening?.catch(() => null);
    if (!opened) return;
    opened.signals[Symbol.dispose]();
    await opened.bull.close();
    if (!this.#options.redis) opened.redis.disconnect();
  }

  #with<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    return asStoreError(async () => work(await repeatable(() => this.#open())));
  }

  /** The same for what may as well be done twice. */
  #again<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    return repeatable(() => asStoreError(async () => work(await this.#open())));
  }

  async #of<T>(id: string, work: (opened: Opened) => Promise<T>): Promise<T> {
    assertId(id);
    return this.#with(work);
  }

  async #ofAgain<T>(id: string, work: (opened: Opened) => Promise<T>): Promise<T> {
    assertId(id);
    return this.#again(work);
  }

  #leased<T>({ id, token }: JobLease, work: (opened: Opened) => Promise<T>): Promise<T> {
    return this.#of(id, (opened) => {
      whole("token", token, 1, Number.MAX_SAFE_INTEGER);
      return work(opened);
    });
  }

  /** What failed once is tried again with the next call. */
  #open(): Promise<Opened> {
    if (this.#closed) return Promise.reject(jobsErrors.queueClosed());
    this.#opening ??= this.#connect().catch((error: unknown) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  async #connect(): Promise<Opened> {
    const { random = Math.random, onError = () => undefined } = this.#options;
    const redis = await this.#connectTo();
    let bull: BullMqConnection;
    try {
      bull = await BullMqConnection.open(redis, this.#names, onError);
    } catch (error) {
      if (!this.#options.redis) redis.disconnect();
      throw error;
    }
    const parts: BullMqParts = {
      ...{ bull, values: this.#values, types: new RegisteredTypes(bull), retention: this.#retention, random },
      ...{ signals: new BullMqSignals(bull, onError), checked: new Map() },
    };
    const claimer = new BullMqClaimer(parts);
    return { ...parts, redis, claimer, settler: new BullMqSettler(parts, claimer), ends: new BullMqEnds(parts) };
  }
}

/** Other producers of BullMQ choose ids of their own. @throws AspenError `INVALID_PARAMS` */
function assertId(id: string): void {
  if (typeof id !== "string" || !/^[^:]{1,256}$/.test(id)) {
    throw jobsErrors.invalid("id", "must be the id of a job, 1 to 256 characters without a colon");
  }
}

async function ownClient(options: RedisStoreOptions): Promise<RedisLike> {
  const { openRedisClient } = await import("@aspen/storage/redis");
  return (await openRedisClient(options)) as unknown as RedisLike;
}

function milliseconds(
  options: BullMqJobQueueOptions,
  field: "keepCompletedMs" | "keepFailedMs" | "keepDeadMs",
  byDefault: number,
): number {
  const value = options[field] ?? byDefault;
  whole(field, value, 0, 3660 * DAY_MS);
  return value;
}
