import type { Clock } from "@aspen/feature";
import type { Store } from "@aspen/storage";
import type { JobEnd } from "../../ends/job-end.js";
import { jobsErrors } from "../../errors.js";
import type { FlowJob } from "../../flow.js";
import type { Job, JobFailure, JobRequest } from "../../job.js";
import type { JobStatus } from "../../job-states.js";
import { assertJobId, assertWorkerName, whole } from "../../options.js";
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
import { tellChildren } from "./children.js";
import { Claimer } from "./claim.js";
import { cancel, remove, retry } from "./control.js";
import { untold } from "./ends.js";
import { JobTable } from "./job-table.js";
import { JobValues } from "./job-values.js";
import { JobKeys } from "./keys.js";
import { list } from "./list.js";
import { logs } from "./logs.js";
import { maintain } from "./maintain.js";
import type { VersionedRecord } from "./record.js";
import { complete, fail, release, type SettleParts } from "./settle.js";
import { Signals } from "./signals.js";
import { stats } from "./stats.js";
import { prepare, type SubmitParts, submit } from "./submit.js";
import { submitFlow } from "./submit-flow.js";
import { TypesRegistry } from "./types-registry.js";
import { update } from "./update.js";
import { claimedOf, viewOf } from "./view.js";
import { waitFor } from "./wait.js";
import { announce, retire, workers } from "./worker-records.js";

const DAY_MS = 86_400_000;
/** Jobs that are remembered as claimed; those of a worker that vanished are never settled. */
const REMEMBERED = 10_000;

export interface KvJobQueueOptions {
  /** The namespace of its keys, which ends in its only `:`. `<name>-signal:` is its too. @default "__jobs:" */
  namespace?: string;
  /** Milliseconds for which a completed job is kept. @default 86,400,000 (a day) */
  keepCompletedMs?: number;
  /** The same of a failed or cancelled one. @default 604,800,000 (a week) */
  keepFailedMs?: number;
  /** The same of a dead letter. @default 2,592,000,000 (30 days) */
  keepDeadMs?: number;
  /** Milliseconds for which events of jobs are kept. @default 3,600,000 (an hour) */
  keepEventsMs?: number;
  /** By which jobs become due. Those of nodes that share a queue should agree to a fraction of a lease. @default `Date` */
  clock?: Clock;
  /** From 0 to below 1, for the jitter of back-offs. @default `Math.random` */
  random?: () => number;
  /** Gets what hints between nodes failed with, which costs time and nothing else. @default not told */
  onError?: (error: unknown) => void;
}

/** A queue on any store, the same for all processes that have the store. Disposing it leaves the store open. */
export class KvJobQueue implements JobQueue {
  readonly inThread: QueueInThread | undefined;
  readonly inStore: QueueInStore;
  readonly #table: JobTable;
  readonly #values: JobValues;
  readonly #types: TypesRegistry;
  readonly #claimer: Claimer;
  readonly #signals: Signals;
  readonly #parts: SettleParts;
  /** What this process runs, as it was last seen: a change of it saves a read. */
  readonly #claimed = new Map<string, VersionedRecord>();

  /** @throws AspenError `INVALID_PARAMS` when an option is out of range */
  constructor(
    { kv, blobs, workerStore }: Pick<Store, "kv" | "blobs" | "workerStore">,
    options: KvJobQueueOptions = {},
  ) {
    const { namespace = "__jobs:", clock = Date, random = Math.random, onError = () => undefined } = options;
    if (!/^[\w-]{1,64}:$/.test(namespace)) {
      throw jobsErrors.invalid("namespace", 'must be letters, digits, _ and - with a ":" behind them, such as "jobs:"');
    }
    const retention = {
      completed: milliseconds(options, "keepCompletedMs", DAY_MS),
      failed: milliseconds(options, "keepFailedMs", 7 * DAY_MS),
      dead_letter: milliseconds(options, "keepDeadMs", 30 * DAY_MS),
    };
    const keys = new JobKeys(namespace);
    const eventsMs = Math.max(1, milliseconds(options, "keepEventsMs", 3_600_000));
    this.inThread = workerStore && { store: workerStore, namespace };
    this.#table = new JobTable({ kv, keys, clock, eventsMs });
    this.#values = new JobValues(blobs);
    this.#types = new TypesRegistry(kv, keys);
    this.#claimer = new Claimer(this.#table);
    this.#signals = new Signals({ kv, namespace: `${namespace.slice(0, -1)}-signal:`, clock, onError });
    this.inStore = {
      ...{ kv, namespace, clock },
      prepare: async (request, origin) => {
        const { job, checks, ops } = await prepare(this.#submitParts, request, origin);
        return { id: job.id, checks, ops, onCommitted: () => this.#signals.changed(job) };
      },
      tellSchedules: () => this.#signals.schedules(),
    };
    this.#parts = { table: this.#table, values: this.#values, retention, random };
  }

  async submit(request: JobRequest): Promise<{ id: string; created: boolean }> {
    const { id, created, stored } = await submit(this.#submitParts, request);
    if (stored) this.#signals.changed(stored);
    return { id, created };
  }

  async submitFlow(jobs: readonly FlowJob[]): Promise<{ ids: Record<string, string> }> {
    const stored = await submitFlow(this.#submitParts, jobs);
    for (const record of stored) this.#signals.changed(record);
    return { ids: Object.fromEntries(stored.map(({ id }, index) => [jobs[index]!.name, id])) };
  }

  async get(id: string): Promise<Job | null> {
    assertJobId("id", id);
    const found = await this.#table.read(id);
    return found && viewOf(this.#values, found.record);
  }

  async list(options: ListJobsOptions = {}): Promise<JobPage> {
    const { records, cursor } = await list(this.#table, options);
    return { jobs: await Promise.all(records.map((record) => viewOf(this.#values, record))), cursor };
  }

  async wait(id: string, signal?: AbortSignal): Promise<Job> {
    assertJobId("id", id);
    return viewOf(this.#values, await waitFor(this.#table, id, signal));
  }

  async logs(id: string, after?: string): Promise<JobLogPage> {
    assertJobId("id", id);
    return logs(this.#table, id, after);
  }

  async cancel(id: string, reason?: string): Promise<Job> {
    assertJobId("id", id);
    const after = await cancel(this.#parts, id, reason);
    if (after.record.status === "running") this.#signals.cancel(id);
    else await this.#tellOthers(after);
    return viewOf(this.#values, after.record);
  }

  async retry(id: string): Promise<Job> {
    assertJobId("id", id);
    const { record } = await retry(this.#parts, id);
    this.#signals.changed(record);
    return viewOf(this.#values, record);
  }

  async remove(id: string): Promise<void> {
    assertJobId("id", id);
    await remove(this.#parts, id);
  }

  async stats(): Promise<JobStats> {
    return stats(this.#table, await this.#types.list());
  }

  untold(id?: string): Promise<JobEnd[]> {
    return untold(this.#table, id);
  }

  async told(end: JobEnd): Promise<void> {
    await this.#table.kv.delete(this.#table.keys.end(end));
  }

  async registerTypes(types: readonly string[]): Promise<void> {
    await this.#types.register(types);
  }

  async knownTypes(): Promise<string[]> {
    return this.#types.list();
  }

  async announce(info: WorkerInfo, ttlMs: number): Promise<void> {
    assertWorkerName(info.name);
    whole("ttlMs", ttlMs, 1, DAY_MS);
    await announce(this.#table, info, ttlMs);
  }

  async retire(name: string): Promise<void> {
    assertWorkerName(name);
    await retire(this.#table, name);
  }

  async workers(): Promise<WorkerInfo[]> {
    return workers(this.#table);
  }

  async claim(options: ClaimOptions): Promise<ClaimedJob[]> {
    const claimed = await this.#claimer.claim(options);
    if (this.#claimed.size > REMEMBERED) this.#claimed.clear();
    for (const it of claimed) {
      this.#claimed.set(it.record.id, it);
      this.#signals.changed(it.record);
    }
    return Promise.all(claimed.map(({ record }) => claimedOf(this.#values, record)));
  }

  async update(updates: readonly JobUpdate[]): Promise<UpdateAnswer[]> {
    return Promise.all(
      updates.map(async (asked) => {
        const { answer, after } = await update(this.#table, asked, this.#known(asked));
        if (after) this.#claimed.set(asked.id, after);
        else this.#claimed.delete(asked.id);
        return answer;
      }),
    );
  }

  async complete(lease: JobLease, result: unknown): Promise<void> {
    await this.#settle(lease, (known) => complete(this.#parts, lease, result, known));
  }

  async fail(lease: JobLease, failure: JobFailure): Promise<JobStatus> {
    const { record } = await this.#settle(lease, (known) => fail(this.#parts, lease, failure, known));
    this.#signals.changed(record);
    return record.status;
  }

  async release(lease: JobLease): Promise<void> {
    const { record } = await this.#settle(lease, (known) => release(this.#parts, lease, known));
    this.#signals.changed(record);
  }

  async maintain(options: MaintainOptions = {}): Promise<Maintained> {
    const at = this.#table.clock.now();
    const { changed, ...maintained } = await maintain(this.#parts, options);
    for (const record of changed) this.#signals.changed(record);
    this.#signals.maintained({ at, nextAt: maintained.nextAt, idle: maintained.idle });
    return maintained;
  }

  subscribe(listener: (signal: QueueSignal) => void): Disposable {
    return this.#signals.subscribe(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signals[Symbol.dispose]();
  }

  get #submitParts(): SubmitParts {
    return { table: this.#table, values: this.#values, types: this.#types };
  }

  async #settle(
    lease: JobLease,
    settle: (known: VersionedRecord | undefined) => Promise<VersionedRecord>,
  ): Promise<VersionedRecord> {
    assertJobId("id", lease.id);
    whole("token", lease.token, 1, Number.MAX_SAFE_INTEGER);
    const known = this.#known(lease);
    const after = await settle(known);
    // What was settled is not ours any more; an answer of the store that is an error leaves it to be tried again.
    this.#claimed.delete(lease.id);
    await this.#tellOthers(after);
    return after;
  }

  /** What is remembered of an earlier start says nothing of a later one, which another process may have claimed. */
  #known({ id, token }: JobLease): VersionedRecord | undefined {
    const known = this.#claimed.get(id);
    return known?.record.token === token ? known : undefined;
  }

  /** Whoever has to be told when a job is over. */
  async #tellOthers({ record }: VersionedRecord): Promise<void> {
    this.#signals.ended(record);
    if (record.children === 0 || record.keepUntil === 0) return;
    for (const child of await tellChildren(this.#parts, record.id)) this.#signals.changed(child);
  }
}

function milliseconds(
  options: KvJobQueueOptions,
  field: "keepCompletedMs" | "keepFailedMs" | "keepDeadMs" | "keepEventsMs",
  byDefault: number,
): number {
  const value = options[field] ?? byDefault;
  whole(field, value, 0, 3660 * DAY_MS);
  return value;
}
