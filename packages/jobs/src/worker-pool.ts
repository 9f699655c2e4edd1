import type { CallerReview } from "@aspen/feature";
import { every, type Logger, type Loop } from "@aspen/plugin-api";
import type { BlobStore } from "@aspen/storage";
import { jobsErrors } from "./errors.js";
import { JOB_LIMITS } from "./options.js";
import { JobCallers } from "./pool/job-callers.js";
import { LeaseKeeper } from "./pool/lease-keeper.js";
import { LeaseThread } from "./pool/lease-thread.js";
import { Maintainer } from "./pool/maintainer.js";
import { PoolCounts } from "./pool/pool-counts.js";
import { type NormalPoolOptions, normalPoolOptions, type WorkerPoolOptions } from "./pool/pool-options.js";
import { pressure } from "./pool/pressure.js";
import { RunningJobs } from "./pool/running-jobs.js";
import { WorkerTable } from "./pool/worker-table.js";
import type { ClaimType, JobQueue, QueueSignal } from "./queue/contract.js";
import type { Worker } from "./worker.js";

export interface WorkerPoolParts {
  readonly queue: JobQueue;
  readonly blobs: BlobStore;
  readonly logger: Logger;
  /** Of its workers, for those who need to know them before the pool. @default one of its own */
  readonly workers?: WorkerTable;
  /** Who knows what the submitters of jobs may still do. @default nobody: no job calls for a token or a plugin */
  readonly reviews?: readonly CallerReview[];
}

/** Milliseconds between a look for jobs and the next; it is doubled each time that nothing tells of jobs. */
const FIRST_PAUSE_MS = 1000;
/** Milliseconds between two looks at the load of the machine. */
const PRESSURE_MS = 2000;
/** The same between two announcements of the pool, of which each is good for thrice as long. */
const ANNOUNCE_MS = 10_000;
/** Milliseconds beyond a job's time for which one that can block this process is leased. */
const BLOCKED_MS = 60_000;

/** Runs jobs of a queue on the workers that take their types. Add workers, then start it. */
export class WorkerPool implements AsyncDisposable {
  readonly name: string;
  readonly counts = new PoolCounts();
  readonly workers: WorkerTable;
  readonly #parts: WorkerPoolParts;
  readonly #options: NormalPoolOptions;
  readonly #running: RunningJobs;
  readonly #started: Worker[] = [];
  readonly #background: (Disposable | AsyncDisposable)[] = [];
  #state: "new" | "started" | "draining" = "new";
  #filling: Loop | null = null;
  #again = false;
  #pauseMs = FIRST_PAUSE_MS;
  #pressure: string | null = null;
  #disposed: Promise<void> | undefined;

  /** @throws AspenError `INVALID_PARAMS` when an option is out of range */
  constructor(parts: WorkerPoolParts, options: WorkerPoolOptions = {}) {
    this.#parts = parts;
    this.workers = parts.workers ?? new WorkerTable();
    this.#options = normalPoolOptions(options);
    this.name = this.#options.name;
    const { graceMs } = this.#options;
    const onSlot = () => this.#wake();
    const callers = new JobCallers(parts.reviews);
    this.#running = new RunningJobs({ ...parts, callers, workers: this.workers, counts: this.counts, graceMs, onSlot });
  }

  /**
   * Before the start. Returns what takes it away again, after which no more of its jobs are started.
   *
   * @throws AspenError `INVALID_PARAMS` for a type that is none, or that another worker of this pool has; `JOB_STATE`
   * when the pool has started
   */
  add(worker: Worker): Disposable {
    if (this.#state !== "new") throw jobsErrors.poolStarted();
    return this.workers.add(worker);
  }

  /** Jobs that run here. */
  get running(): number {
    return this.#running.size;
  }

  /** Why it takes no jobs now, a sentence; null when it does. */
  get idleBecause(): string | null {
    if (this.#state === "draining") return "the node is stopping";
    return this.#pressure;
  }

  /** Registers the types of its workers, starts them, and takes jobs. @throws AspenError what a worker or the store throws */
  async start(): Promise<void> {
    if (this.#state !== "new") throw jobsErrors.poolStarted();
    this.#state = "started";
    const { queue, logger } = this.#parts;
    const { pollMs, leaseMs, soleProcess, maintainMs } = this.#options;
    for (const worker of this.workers.workers) {
      await worker.onStart?.();
      this.#started.push(worker);
    }
    await queue.registerTypes(this.workers.types);
    const warn = (message: string) => (error: unknown) => logger.warn({ error }, message);
    const running = () => this.#running;
    const { inThread } = queue;
    if (inThread && !soleProcess && [...this.workers.workers].some((worker) => worker.blocksEventLoop)) {
      const thread = new LeaseThread({ inThread, leaseMs, logger });
      this.#running.leaseThread = thread;
      this.#background.push(thread);
      await thread.started();
    }
    this.#running.keeper = new LeaseKeeper({
      ...{ queue, logger, leaseMs, soleProcess, running },
      renewedAt: () => this.#running.leaseThread?.renewedAt ?? Number.NEGATIVE_INFINITY,
    });
    const filling = every(pollMs, () => this.#look(), { onError: warn("jobs could not be claimed"), unref: false });
    this.#filling = filling;
    const maintainer = new Maintainer({
      ...{ queue, logger, maintainMs },
      keep: () => (soleProcess ? this.#running.ids : null),
      onMaintained: ({ stalled }) => {
        this.counts.stalled += stalled;
      },
    });
    const { pressure: limits } = this.#options;
    this.#background.push(
      filling,
      maintainer,
      queue.subscribe((signal) => {
        maintainer.hear(signal);
        this.#hear(signal);
      }),
    );
    maintainer.start();
    if (limits !== false) {
      const look = async () => {
        const before = this.#pressure;
        this.#pressure = await pressure(limits);
        if (before !== null && this.#pressure === null) this.#wake();
      };
      await look();
      this.#background.push(every(PRESSURE_MS, look, { onError: warn("the load of the machine could not be read") }));
    }
    // Who takes no jobs need not be known.
    if (this.workers.types.length > 0) {
      await this.#announce();
      this.#background.push(
        every(ANNOUNCE_MS, () => this.#announce(), { onError: warn("the pool could not be announced") }),
      );
    }
    this.#wake();
  }

  /** @throws AspenError `INVALID_PARAMS`, naming `field`, for a payload that a worker of this pool would refuse */
  async checkPayload(type: string, payload: unknown, field?: string): Promise<void> {
    await this.workers.checkPayload(type, payload, field);
  }

  /**
   * Takes no more jobs, and waits for those that run. Those that still run after `drainMs`, or when `signal` aborts, are
   * stopped and given back. Resolves when nothing runs here, except what nothing can end.
   */
  async drain(signal?: AbortSignal): Promise<void> {
    this.#state = "draining";
    await this.#filling?.[Symbol.asyncDispose]();
    await this.#running.end(this.#options.drainMs, signal);
  }

  /** Drains at once, then shuts its workers down. The queue stays open. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    await this.drain(AbortSignal.abort());
    await this.#running.keeper?.[Symbol.asyncDispose]();
    for (const it of this.#background.reverse()) {
      if (Symbol.asyncDispose in it) await it[Symbol.asyncDispose]();
      else it[Symbol.dispose]();
    }
    if (this.workers.types.length > 0)
      await this.#parts.queue.retire(this.name).catch((error) => {
        this.#parts.logger.warn({ error }, "the pool is announced until that expires");
      });
    for (const worker of this.#started.splice(0).reverse()) await worker.onShutdown?.();
  }

  async #announce(): Promise<void> {
    const { types } = this.workers;
    const info = { name: this.name, types, concurrency: this.#options.concurrency, running: this.running };
    await this.#parts.queue.announce({ ...info, seenAt: Date.now() }, 3 * ANNOUNCE_MS);
  }

  #hear(signal: QueueSignal): void {
    if (signal.kind === "cancel") this.#running.cancel(signal.id);
    else if (signal.kind === "ready" && this.workers.get(signal.type)) this.#wake();
  }

  #wake(): void {
    this.#again = true;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#filling?.soon();
  }

  /** Others may have been faster, a rate be used up, or some groups be empty: the next look comes soon, a later one later. */
  async #look(): Promise<void> {
    try {
      await this.#fill();
    } finally {
      const pause = this.#pauseMs;
      this.#pauseMs = Math.min(2 * pause, this.#options.pollMs);
      // A run is not shortened by itself; the next one is. What was told since its last look is not waited for.
      setImmediate(() => this.#filling?.soon(this.#again ? 0 : pause));
    }
  }

  /** Claims until every slot is taken, or there are no jobs. */
  async #fill(): Promise<void> {
    do {
      this.#again = false;
      const limit = Math.min(this.#options.concurrency - this.#running.size, JOB_LIMITS.claim);
      const types = this.#freeTypes();
      if (limit <= 0 || types.length === 0 || this.#state !== "started" || this.#pressure !== null) return;
      const jobs = await this.#parts.queue.claim({ worker: this.name, types, limit, leaseMs: this.#options.leaseMs });
      this.#running.start(jobs);
      if (jobs.length === limit) this.#again = true;
    } while (this.#again);
  }

  #freeTypes(): ClaimType[] {
    const { concurrency, types } = this.#options;
    return this.workers.types.flatMap((type) => {
      const { concurrency: most = concurrency, rate } = types[type] ?? {};
      const limit = most - this.#running.ofType(type);
      if (limit <= 0) return [];
      // Nobody else can take the job, or a thread of its own renews its lease: then a short one will do.
      const blocks =
        this.workers.get(type)?.blocksEventLoop && !this.#options.soleProcess && !this.#running.leaseThread?.usable;
      const extra = { ...(rate ? { rate } : {}), ...(blocks ? { leaseBeyondTimeoutMs: BLOCKED_MS } : {}) };
      return [{ type, limit, ...extra }];
    });
  }
}
