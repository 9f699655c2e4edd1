import { every, type Logger, type Loop } from "@aspen/plugin-api";
import type { JobQueue, JobStats } from "./contract.js";

/** The statistics of a queue as they were a short while ago, for meters, which must not wait for the store. */
export class QueueCounts implements AsyncDisposable {
  #last: JobStats | null = null;
  #loop: Loop | null = null;

  constructor(
    private readonly queue: JobQueue,
    private readonly logger: Logger,
    /** Milliseconds between two counts. */
    private readonly everyMs: number,
  ) {}

  /** Null before the first count. */
  get last(): JobStats | null {
    return this.#last;
  }

  start(): void {
    this.#loop = every(
      this.everyMs,
      async () => {
        this.#last = await this.queue.stats();
      },
      { onError: (error) => this.logger.warn({ error }, "the jobs could not be counted") },
    );
    this.#loop.soon();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop?.[Symbol.asyncDispose]();
  }
}
