import { availableParallelism } from "node:os";
import type { WorkerReader } from "@aspen/storage";
import { ComputeSlots } from "./compute-slots.js";
import { WorkerThread } from "./worker-thread.js";

/**
 * Threads that boot at the same time. One core stays free, even when a plugin's workers are replaced again and again.
 */
const BOOTING_MAX = Math.max(1, availableParallelism() - 1);

/**
 * Booted workers without a plugin, so that a new or replaced instance does not wait for a thread to boot. It also
 * knows every thread that it gave away, and ends those that are left.
 */
export class SpareWorkers implements AsyncDisposable {
  #spares: WorkerThread[] = [];
  readonly #threads = new Set<WorkerThread>();
  readonly #boots = new ComputeSlots(BOOTING_MAX);
  /** Spares that wait for their turn to boot. */
  #filling = 0;
  #closed = false;

  constructor(
    private readonly size: number,
    private readonly reader: WorkerReader | null,
  ) {
    this.#fill();
  }

  /** A worker that has booted. @throws Error when a thread cannot be started, or does not boot in `timeoutMs` */
  async take(timeoutMs: number): Promise<WorkerThread> {
    if (this.#closed) throw new Error("the pool is closed");
    let worker = this.#spares.shift();
    while (worker?.ended) worker = this.#spares.shift();
    worker ??= await this.#start();
    worker.busy();
    // The caller comes first: booting a thread takes 40 ms of a core.
    setTimeout(() => this.#fill(), 10).unref();
    await this.#boot(worker, timeoutMs);
    if (this.#closed) {
      await worker.terminate();
      throw new Error("the pool is closed");
    }
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#spares = [];
    await Promise.all([...this.#threads].map((worker) => worker.terminate()));
  }

  #fill(): void {
    while (!this.#closed && this.#spares.length + this.#filling < this.size) {
      this.#filling += 1;
      this.#start()
        .then((worker) => {
          this.#spares.push(worker);
          // A node whose start fails for another reason does not come to dispose of it. While it boots others wait for it.
          const rest = () => this.#spares.includes(worker) && worker.idle();
          worker.booted.then(rest, () => undefined);
        })
        // The caller who takes the next thread hears of the failure.
        .catch(() => undefined)
        .finally(() => {
          this.#filling -= 1;
        });
    }
  }

  /** A thread that begins to boot in its turn. @throws Error when no thread can be started */
  async #start(): Promise<WorkerThread> {
    await this.#boots.wait();
    if (this.#closed) {
      this.#boots.release();
      throw new Error("the pool is closed");
    }
    let worker: WorkerThread;
    try {
      worker = new WorkerThread(this.reader);
    } catch (error) {
      this.#boots.release();
      throw error;
    }
    worker.booted.catch(() => undefined).finally(() => this.#boots.release());
    this.#threads.add(worker);
    void worker.exited.then(() => this.#threads.delete(worker));
    return worker;
  }

  async #boot(worker: WorkerThread, timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`a plugin worker did not boot in ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      await Promise.race([worker.booted, late]);
    } catch (error) {
      // The thread ends after it has booted; nobody needs to wait for that.
      void worker.terminate();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
