import { FunctionWorker, KvJobQueue, ThreadWorker, WorkerPool } from "@aspen/jobs";
import { BullMqJobQueue } from "@aspen/jobs/bullmq";
import { Completions } from "./completions.mjs";

const logger = { debug() {}, info() {}, warn: console.warn, error: console.error };
const functions = new URL("./functions.mjs", import.meta.url).href;

/** What may run the no-op jobs. A worker of another kind is one more line. */
export const OUR_WORKERS = {
  function: () => new FunctionWorker([{ type: "no-op", run: () => null }]),
  thread: () => new ThreadWorker([{ type: "no-op", module: functions }], { idleThreads: 2 }),
};

/** Counts the jobs whose end it has kept. */
const counting = (Engine) =>
  class CountingQueue extends Engine {
    completions = new Completions();

    async complete(lease, result) {
      await super.complete(lease, result);
      this.completions.add();
    }
  };

/** A queue of each engine, with keys of its own. */
const ENGINES = {
  kv: (store, name) => new (counting(KvJobQueue))(store, { namespace: `${name}:` }),
  bullmq: (store, name) => new (counting(BullMqJobQueue))(store, { prefix: name }),
};

let queues = 0;

/** An empty queue of ours on a store. */
export class OurQueue {
  #store;
  #queue;
  #owned;

  /**
   * @param owned the store ends with the queue
   * @param engine a name of `ENGINES`
   */
  static async open(store, { owned = false, engine = "kv" } = {}) {
    const it = new OurQueue();
    it.#store = store;
    it.#owned = owned;
    it.#queue = ENGINES[engine](store, `bench-jobs-${queues++}`);
    await it.#queue.registerTypes(["no-op"]);
    return it;
  }

  async add() {
    await this.#queue.submit({ type: "no-op", payload: { n: 1 } });
  }

  /** Resolves when a job that is added now is known to be completed. */
  async addAndWait() {
    const { id } = await this.#queue.submit({ type: "no-op", payload: { n: 1 } });
    await this.#queue.wait(id);
  }

  /** @param worker a name of {@link OUR_WORKERS} */
  async startWorkers(concurrency, worker = "function") {
    const { blobs, exclusive = false } = this.#store;
    // What else the machine does may not keep the pool from working.
    const options = { concurrency, pressure: false, soleProcess: exclusive };
    const pool = new WorkerPool({ queue: this.#queue, blobs, logger }, options);
    pool.add(OUR_WORKERS[worker]());
    await pool.start();
    return pool;
  }

  completed(count) {
    return this.#queue.completions.next(count);
  }

  async [Symbol.asyncDispose]() {
    await this.#queue[Symbol.asyncDispose]();
    if (this.#owned) await this.#store[Symbol.asyncDispose]();
  }
}
