import { fileURLToPath } from "node:url";
import { Queue, QueueEvents, Worker } from "bullmq";
import { Completions } from "./completions.mjs";

const functions = fileURLToPath(new URL("./functions.mjs", import.meta.url));

/** A thread refuses flags of the benchmark's own process. */
const execArgv = [];
/** What may run the no-op jobs: a processor, and the options of its worker. */
const BULL_WORKERS = {
  function: [async () => null, {}],
  thread: [functions, { useWorkerThreads: true, workerThreadsOptions: { execArgv } }],
  process: [functions, { useWorkerThreads: false, workerForkOptions: { execArgv } }],
};

let queues = 0;

/** An empty queue of BullMQ, with its defaults. */
export class BullQueue {
  #name = `bench-${queues++}`;
  #connection;
  #queue;
  #events;
  #completions = new Completions();

  static async open(url) {
    const it = new BullQueue();
    const { hostname: host, port } = new URL(url);
    it.#connection = { host, port: Number(port), maxRetriesPerRequest: null };
    it.#queue = new Queue(it.#name, { connection: it.#connection });
    await it.#queue.waitUntilReady();
    return it;
  }

  async add() {
    await this.#queue.add("no-op", { n: 1 });
  }

  async addAndWait() {
    this.#events ??= new QueueEvents(this.#name, { connection: this.#connection });
    await this.#events.waitUntilReady();
    const job = await this.#queue.add("no-op", { n: 1 });
    await job.waitUntilFinished(this.#events);
  }

  /** @param worker a name of `BULL_WORKERS` */
  async startWorkers(concurrency, worker = "function") {
    const [processor, options] = BULL_WORKERS[worker];
    const running = new Worker(this.#name, processor, { connection: this.#connection, concurrency, ...options });
    running.on("error", console.error);
    running.on("failed", (_job, error) => console.error(error));
    running.on("completed", () => this.#completions.add());
    await running.waitUntilReady();
    return { [Symbol.asyncDispose]: () => running.close() };
  }

  completed(count) {
    return this.#completions.next(count);
  }

  async [Symbol.asyncDispose]() {
    await this.#events?.close();
    await this.#queue.close();
  }
}
