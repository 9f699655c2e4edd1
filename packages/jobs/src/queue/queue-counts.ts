import type { Logger } from "@aspen/plugin-api";
import type { JobQueue, JobStats } from "./contract.js";

/**
 * The statistics of a queue as they were a short while ago, for meters, which must not wait for the store. Asking for them
 * has them counted anew, so that a node whose meters nobody reads counts nothing.
 */
export class QueueCounts implements AsyncDisposable {
  #last: JobStats | null = null;
  #countedAt = Number.NEGATIVE_INFINITY;
  #counting: Promise<void> | null = null;
  #closed = false;

  constructor(
    private readonly queue: JobQueue,
    private readonly logger: Logger,
    /** Milliseconds between two counts, at least. */
    private readonly everyMs: number,
  ) {}

  /** As they were when somebody asked before; null before the first count. */
  get last(): JobStats | null {
    if (!this.#closed && performance.now() - this.#countedAt >= this.everyMs) this.#counting ??= this.#count();
    return this.#last;
  }

  /** Counts for the first time. */
  start(): void {
    this.#counting ??= this.#count();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#counting;
  }

  async #count(): Promise<void> {
    try {
      this.#last = await this.queue.stats();
    } catch (error) {
      this.logger.warn({ error }, "the jobs could not be counted");
    } finally {
      this.#countedAt = performance.now();
      this.#counting = null;
    }
  }
}
