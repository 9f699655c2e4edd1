import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { MapAnswer, MapRequest } from "./messages.js";

/** The built worker, also when this file runs from source: a thread cannot load TypeScript. */
const workerFile = pathToFileURL(createRequire(import.meta.url).resolve("@aspen/wasm-plugin/stack-worker"));

/** Heap of the thread, MiB: what the largest map that is accepted takes. */
const HEAP_MIB = 256;
/** Milliseconds that one answer may take, the start of the thread included. */
const ANSWER_MS = 5000;
/** Milliseconds without work after which the thread, and the map that it holds, is dropped. */
const IDLE_MS = 5000;
/** Requests that may wait. The stack of one more stays as it is. */
const WAITING = 64;

interface Job {
  request: MapRequest;
  settle(answer: MapAnswer | null): void;
}

/** Reads the source maps of all plugins in one thread, which starts on demand and ends when it is idle. */
export class StackMapper implements AsyncDisposable {
  readonly #waiting: Job[] = [];
  #running: Job | null = null;
  #worker: Worker | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  #keys = 0;

  /** A number for a module, which its requests carry. */
  nextKey(): number {
    this.#keys += 1;
    return this.#keys;
  }

  /** True while the thread runs. */
  get active(): boolean {
    return this.#worker !== null;
  }

  /** Never rejects; a problem with the map is one sentence, null says that there is no time for it. */
  map(request: MapRequest): Promise<MapAnswer | null> {
    if (this.#closed || this.#waiting.length >= WAITING) return Promise.resolve(null);
    return new Promise((settle) => {
      this.#waiting.push({ request, settle });
      this.#next();
    });
  }

  #next(): void {
    if (this.#running) return;
    const job = this.#waiting.shift();
    this.#stopTimer();
    if (!job) {
      this.#worker?.unref();
      this.#timer = setTimeout(() => void this.#drop(), IDLE_MS);
      this.#timer.unref();
      return;
    }
    this.#running = job;
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#timer = setTimeout(() => this.#fail(`it was not read within ${ANSWER_MS} ms`), ANSWER_MS);
    this.#worker.postMessage(job.request);
  }

  #start(): Worker {
    const worker = new Worker(workerFile, {
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
      env: {},
      execArgv: [],
    });
    worker.on("message", (answer: MapAnswer) => {
      if (this.#worker === worker) this.#settle(answer);
    });
    const ended = (reason: string) => {
      if (this.#worker === worker) this.#fail(`the thread that read it ended: ${reason}`);
    };
    worker.on("error", (error) => ended(error.message));
    worker.on("exit", () => ended("it exited"));
    return worker;
  }

  #settle(answer: MapAnswer | null): void {
    const job = this.#running;
    this.#running = null;
    job?.settle(answer);
    this.#next();
  }

  /** The thread is of no use any more; the next request gets a new one. */
  #fail(problem: string): void {
    void this.#drop();
    this.#settle({ problem });
  }

  async #drop(): Promise<void> {
    this.#stopTimer();
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }

  #stopTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const jobs = [...(this.#running ? [this.#running] : []), ...this.#waiting.splice(0)];
    this.#running = null;
    await this.#drop();
    for (const job of jobs) job.settle(null);
  }
}
