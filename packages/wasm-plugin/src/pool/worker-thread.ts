import { createRequire } from "node:module";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { WorkerReader } from "@aspen/storage";
import type { FromWorker, ToWorker, WorkerData } from "../protocol/messages.js";
import { ThreadPriority } from "./thread-priority.js";

/** The built file, also when this one runs from source: a thread cannot load TypeScript. */
const workerFile = pathToFileURL(createRequire(import.meta.url).resolve("@aspen/wasm-plugin/worker"));

/** Milliseconds for which the end of a thread waits for its boot. */
const BOOT_MS = 10_000;

/** Milliseconds after which nobody waits any longer for a thread to end. */
const TERMINATE_MS = 5000;

/** Heap of a worker's own JavaScript, MiB; a guest's memory is not part of it. */
const HEAP_MIB = 128;
/** The part of it for new objects, MiB. A call's objects live briefly; a larger part only makes the process larger. */
const YOUNG_MIB = 4;

export interface WorkerEvents {
  message(message: FromWorker): void;
  /** The thread ended without being asked to. */
  died(reason: string): void;
}

/** One worker thread. */
export class WorkerThread {
  readonly #worker: Worker;
  #events: WorkerEvents | null = null;
  #ended = false;
  #priority = new ThreadPriority(null);
  /** Resolves when the thread can load a plugin; rejects when it ends first. */
  readonly booted: Promise<void>;
  /** Resolves when the thread is no more. */
  readonly exited: Promise<void>;

  constructor(reader: WorkerReader | null) {
    const workerData: WorkerData = { reader };
    this.#worker = new Worker(workerFile, {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB, maxYoungGenerationSizeMb: YOUNG_MIB },
      // Nothing of the node's environment or standard streams is a plugin's business.
      env: {},
      // Extism imports Node's WASI, which warns; no plugin of ours gets WASI.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    let failure = "it exited";
    this.exited = new Promise((resolve) => this.#worker.once("exit", () => resolve()));
    this.booted = new Promise((resolve, reject) => {
      this.#worker.on("message", (message: FromWorker) => {
        if (message.type === "booted") {
          this.#priority = new ThreadPriority(message.thread);
          resolve();
        } else this.#events?.message(message);
      });
      this.#worker.on("error", (error) => {
        failure = error.message;
      });
      this.#worker.on("exit", () => {
        const asked = this.#ended;
        this.#ended = true;
        reject(new Error(`a plugin worker ended while booting: ${failure}`));
        if (!asked) this.#events?.died(failure);
      });
    });
    // A waiting caller sees the failure of the boot; that of a spare for which nobody waits must not end the process.
    this.booted.catch(() => undefined);
  }

  get ended(): boolean {
    return this.#ended;
  }

  get priority(): ThreadPriority {
    return this.#priority;
  }

  /** A thread that nobody has yet keeps no process alive. */
  idle(): void {
    // Somebody waits for the end of one that is being ended.
    if (!this.#ended) this.#worker.unref();
  }

  /** Undoes `idle`. */
  busy(): void {
    this.#worker.ref();
  }

  /** Hands the thread to its new owner. */
  attach(events: WorkerEvents): void {
    this.#events = events;
  }

  post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  /** Ends the thread; false when it did not end in time, and may run on until the process ends. */
  async terminate(): Promise<boolean> {
    this.busy();
    this.#ended = true;
    this.#events = null;
    // A thread that is ended while it loads a native library (lmdb) takes the whole process with it.
    const boot = this.booted.catch(() => undefined);
    await Promise.race([boot, delay(BOOT_MS, undefined, { ref: false })]);
    const ended = this.#worker.terminate().then(() => true);
    const timer = new AbortController();
    const late = delay(TERMINATE_MS, false, { signal: timer.signal }).catch(() => false);
    const inTime = await Promise.race([ended, late]);
    timer.abort();
    // It must not keep a process alive that has nothing else to do.
    if (!inTime) this.#worker.unref();
    return inTime;
  }
}

/** True when a worker ended because its own heap was full. */
export function isHeapLimit(reason: string): boolean {
  return /out of memory|heap|memory limit/i.test(reason);
}
