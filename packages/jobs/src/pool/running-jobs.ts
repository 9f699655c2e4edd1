import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "@aspen/plugin-api";
import type { BlobStore } from "@aspen/storage";
import { jobsErrors } from "../errors.js";
import type { ClaimedJob, JobQueue } from "../queue/contract.js";
import type { JobCallers } from "./job-callers.js";
import type { LeaseKeeper } from "./lease-keeper.js";
import type { LeaseThread } from "./lease-thread.js";
import type { PoolCounts } from "./pool-counts.js";
import { type Outcome, RunningJob } from "./running-job.js";
import { settleRun } from "./settle-run.js";
import type { WorkerTable } from "./worker-table.js";

/** Milliseconds that the queue gets to hear of the ends of jobs when the pool is disposed. */
const SETTLE_MS = 10_000;

export interface RunningJobsParts {
  readonly queue: JobQueue;
  readonly blobs: BlobStore;
  readonly logger: Logger;
  readonly workers: WorkerTable;
  readonly callers: JobCallers;
  readonly counts: PoolCounts;
  readonly graceMs: number;
  /** Called when a slot is free. */
  onSlot(): void;
}

/** The jobs that a pool runs, from their claim until the queue has heard of their end. */
export class RunningJobs implements Iterable<RunningJob> {
  keeper: LeaseKeeper | null = null;
  leaseThread: LeaseThread | null = null;
  readonly #parts: RunningJobsParts;
  /** Each has a slot. One whose work could not be ended keeps it after it was settled. */
  readonly #slots = new Map<string, RunningJob>();
  readonly #settling = new Map<RunningJob, Promise<void>>();
  readonly #closed = new AbortController();

  constructor(parts: RunningJobsParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#slots.size;
  }

  get ids(): ReadonlySet<string> {
    return new Set([...this.#settling.keys()].map(({ job }) => job.id));
  }

  /** Those that the queue counts as running. */
  [Symbol.iterator](): Iterator<RunningJob> {
    return this.#settling.keys();
  }

  ofType(type: string): number {
    let count = 0;
    for (const { job } of this.#slots.values()) if (job.type === type) count += 1;
    return count;
  }

  start(jobs: readonly ClaimedJob[]): void {
    if (jobs.length > 0) this.leaseThread?.held(jobs);
    for (const job of jobs) this.#start(job);
  }

  cancel(id: string): void {
    for (const running of this.#settling.keys()) {
      if (running.job.id === id) running.stop("cancelled", jobsErrors.cancelled(undefined));
    }
  }

  /** Waits `ms` milliseconds, or until `signal` aborts; then stops what still runs, and gives it back. */
  async end(ms: number, signal?: AbortSignal): Promise<void> {
    const over = new AbortController();
    const patience = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
    await Promise.race([this.#idle(), delay(ms, undefined, { signal: patience }).catch(() => undefined)]);
    over.abort();
    for (const running of this.#settling.keys()) running.stop("released", jobsErrors.draining());
    const late = setTimeout(() => this.#closed.abort(), this.#parts.graceMs + SETTLE_MS);
    await this.#idle();
    clearTimeout(late);
  }

  #start(job: ClaimedJob): void {
    const { blobs, logger, graceMs, workers, callers } = this.#parts;
    const worker = workers.get(job.type);
    const slot = `${job.id}/${job.token}`;
    if (!worker) throw new Error(`a job of the type ${job.type} was claimed that no worker takes`);
    const running = new RunningJob({ job, worker, blobs, logger, graceMs, callers });
    this.#slots.set(slot, running);
    const free = () => {
      this.#slots.delete(slot);
      this.#parts.onSlot();
    };
    this.#settling.set(
      running,
      this.#run(running, free).finally(() => {
        this.leaseThread?.over(job);
        this.#settling.delete(running);
      }),
    );
  }

  async #idle(): Promise<void> {
    while (this.#settling.size > 0) await Promise.all(this.#settling.values());
  }

  async #run(running: RunningJob, free: () => void): Promise<void> {
    const { queue, logger, counts } = this.#parts;
    const { job } = running;
    const startedAt = performance.now();
    const outcome: Outcome = await running.run(free);
    try {
      if (outcome.kind !== "dropped") await this.keeper?.beat(running);
    } catch (error) {
      logger.warn({ job: job.id, error }, "the last lines of a job could not be written");
    }
    try {
      const settled = await settleRun(queue, job, outcome, { logger, signal: this.#closed.signal });
      counts.add(job.type, settled, performance.now() - startedAt);
      if (settled === "lost")
        logger.warn({ job: job.id, type: job.type }, "a job was given to another while it ran here");
    } catch (error) {
      logger.error({ job: job.id, type: job.type, error }, "the end of a job could not be written; its lease will end");
    }
  }
}
