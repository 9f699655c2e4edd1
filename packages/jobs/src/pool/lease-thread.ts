import { createRequire } from "node:module";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Worker as Thread } from "node:worker_threads";
import type { Logger } from "@aspen/plugin-api";
import type { JobLease, QueueInThread } from "../queue/contract.js";

/** Milliseconds that a pool waits for the thread; it starts without it then, and uses it once it is there. */
const START_MS = 10_000;

/** The built file, also when this one runs from source: a thread cannot load TypeScript. */
const threadFile = pathToFileURL(createRequire(import.meta.url).resolve("@aspen/jobs/lease-thread"));

/** Milliseconds after which the thread is told what is over, at most. */
const OVER_MS = 50;

/** What the thread is started with. */
export interface LeaseThreadData extends QueueInThread {
  readonly leaseMs: number;
  /** Two 64-bit numbers: one that grows while the event loop of the pool turns, and the thread's last renewal, as Unix time. */
  readonly shared: SharedArrayBuffer;
}

/** What the thread is told: what runs, and what does no more. */
export interface ToLeaseThread {
  readonly held: readonly JobLease[];
  readonly over: readonly JobLease[];
}

/** That it has loaded all that it needs, or that leases could not be renewed. */
export type FromLeaseThread = { readonly kind: "ready" } | { readonly kind: "problem"; readonly problem: string };

/**
 * Renews the leases of a pool's jobs while one of them keeps the pool's event loop busy. It has a connection of its own,
 * which it opens when it is needed, and ends with its process.
 */
export class LeaseThread implements AsyncDisposable {
  readonly #thread: Thread;
  readonly #beating: NodeJS.Timeout;
  readonly #shared: BigInt64Array;
  readonly #started: Promise<void>;
  #usable = false;
  /** Of which the thread is told with the next that are held: a message wakes it up. */
  #over: JobLease[] = [];
  #telling: NodeJS.Timeout | undefined;

  constructor({ inThread, leaseMs, logger }: { inThread: QueueInThread; leaseMs: number; logger: Logger }) {
    const shared = new SharedArrayBuffer(16);
    const workerData: LeaseThreadData = { ...inThread, leaseMs, shared };
    this.#thread = new Thread(threadFile, { workerData });
    this.#thread.on("error", (error) => logger.error({ error }, "the thread that renews leases failed"));
    this.#started = new Promise((resolve) => {
      this.#thread.on("message", (message: FromLeaseThread) => {
        if (message.kind === "ready") {
          this.#usable = true;
          this.#thread.unref();
          resolve();
        } else {
          const { problem } = message;
          logger.warn({ problem }, "the leases of jobs that keep this process busy could not be renewed");
        }
      });
      this.#thread.on("exit", () => {
        this.#usable = false;
        resolve();
      });
    });
    const beats = new BigInt64Array(shared);
    this.#shared = beats;
    this.#beating = setInterval(() => Atomics.add(beats, 0, 1n), Math.min(500, leaseMs / 20)).unref();
  }

  /**
   * Resolves when it is usable, never will be, or takes long: until then a job that blocks would have nobody to renew its
   * lease, and gets a longer one.
   */
  started(): Promise<void> {
    return Promise.race([this.#started, delay(START_MS, undefined, { ref: false })]);
  }

  /** False when it renews nothing yet, or nothing more. */
  get usable(): boolean {
    return this.#usable;
  }

  /** When it last renewed the leases of all that runs, by `performance.now()` of this thread. */
  get renewedAt(): number {
    return Number(Atomics.load(this.#shared, 1)) - performance.timeOrigin;
  }

  /** Before they begin: from then on, nothing of this thread may come to its turn. */
  held(leases: readonly JobLease[]): void {
    this.#tell(leases);
  }

  /** That it may renew what is over does no harm, for a moment. */
  over({ id, token }: JobLease): void {
    this.#over.push({ id, token });
    this.#telling ??= setTimeout(() => this.#tell([]), OVER_MS).unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#beating);
    clearTimeout(this.#telling);
    await this.#thread.terminate();
  }

  #tell(leases: readonly JobLease[]): void {
    clearTimeout(this.#telling);
    this.#telling = undefined;
    const message: ToLeaseThread = { held: leases.map(({ id, token }) => ({ id, token })), over: this.#over };
    this.#over = [];
    this.#thread.postMessage(message);
  }
}
