import type { EmbeddedReaderSource } from "../options.js";
import { WorkerThread } from "./worker-thread.js";

/** Booted workers without a plugin, so that a new or replaced instance does not wait for a thread to boot. */
export class SpareWorkers implements AsyncDisposable {
  #spares: WorkerThread[] = [];
  #closed = false;

  constructor(
    private readonly size: number,
    private readonly reader: EmbeddedReaderSource | null,
  ) {
    this.#fill();
  }

  /** A worker that has booted. @throws Error when a thread cannot be started. */
  async take(): Promise<WorkerThread> {
    if (this.#closed) throw new Error("the pool is closed");
    let worker = this.#spares.shift();
    while (worker?.ended) worker = this.#spares.shift();
    worker ??= new WorkerThread(this.reader);
    // The caller comes first: booting a thread takes 40 ms of a core.
    setTimeout(() => this.#fill(), 10).unref();
    await worker.booted;
    if (this.#closed) {
      await worker.terminate();
      throw new Error("the pool is closed");
    }
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const spares = this.#spares;
    this.#spares = [];
    await Promise.all(spares.map((worker) => worker.terminate()));
  }

  #fill(): void {
    while (!this.#closed && this.#spares.length < this.size) this.#spares.push(new WorkerThread(this.reader));
  }
}
