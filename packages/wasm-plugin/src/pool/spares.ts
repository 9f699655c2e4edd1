import type { EmbeddedReaderSource } from "../options.js";
import { WorkerThread } from "./worker-thread.js";

/**
 * Booted workers without a plugin, so that a new or replaced instance does not wait for a thread to boot. It also
 * knows every thread that it gave away, and ends those that are left.
 */
export class SpareWorkers implements AsyncDisposable {
  #spares: WorkerThread[] = [];
  readonly #threads = new Set<WorkerThread>();
  #closed = false;

  constructor(
    private readonly size: number,
    private readonly reader: EmbeddedReaderSource | null,
  ) {
    this.#fill();
  }

  /** A worker that has booted. @throws Error when a thread cannot be started, or does not boot in `timeoutMs` */
  async take(timeoutMs: number): Promise<WorkerThread> {
    if (this.#closed) throw new Error("the pool is closed");
    let worker = this.#spares.shift();
    while (worker?.ended) worker = this.#spares.shift();
    worker ??= this.#start();
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
    while (!this.#closed && this.#spares.length < this.size) this.#spares.push(this.#start());
  }

  #start(): WorkerThread {
    const worker = new WorkerThread(this.reader);
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
      // It is ended when it has booted; nobody need wait for that.
      void worker.terminate();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
