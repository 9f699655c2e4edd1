import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { KvJobQueue, type Worker, WorkerPool, type WorkerPoolOptions } from "../src/index.js";

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Options under which nothing waits for long. */
export const QUICK: WorkerPoolOptions = { pollMs: 50, maintainMs: 20, graceMs: 100, pressure: false };

/** A queue in memory with one started pool. */
export async function poolOf(workers: readonly Worker[], options: WorkerPoolOptions = {}, logger = silent) {
  const store = new MemoryStore();
  const queue = new KvJobQueue(store);
  const pool = new WorkerPool({ queue, blobs: store.blobs, logger }, { ...QUICK, soleProcess: true, ...options });
  for (const worker of workers) pool.add(worker);
  await pool.start();
  return {
    ...{ store, queue, pool },
    async [Symbol.asyncDispose]() {
      await pool[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** Resolves when a condition holds. The test's own time limit ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(10);
}
