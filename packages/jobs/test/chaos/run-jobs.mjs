// Runs jobs until it is killed, or, with a number of jobs to submit first, until all are completed: `node run-jobs.mjs
// REDIS_URL`, or `node run-jobs.mjs DIRECTORY JOBS`; `node run-jobs.mjs REDIS_URL 0 bullmq` for the other engine.
import { setTimeout as delay } from "node:timers/promises";
import { KvJobQueue, WorkerPool } from "@aspen/jobs";
import { BullMqJobQueue } from "@aspen/jobs/bullmq";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";

const [where, jobs = "0", engine] = process.argv.slice(2);
const redis = where.startsWith("redis:");
const store = redis ? await RedisStore.open({ url: where }) : await EmbeddedStore.open({ directory: where });
const queue = engine === "bullmq" ? new BullMqJobQueue(store) : new KvJobQueue(store);
const logger = { debug() {}, info() {}, warn() {}, error: (fields, message) => console.error(message, fields) };
const pool = new WorkerPool(
  { queue, blobs: store.blobs, logger },
  // A job of a process that was killed comes back soon.
  { concurrency: 20, leaseMs: 1000, pollMs: 100, pressure: false, soleProcess: !redis },
);
// It never blocks this process, so that its leases are short.
pool.add({
  jobTypes: () => ["chaos"],
  execute: async ({ payload, attempts }) => {
    await delay(Math.random() * 20);
    return { payload, attempts, pid: process.pid };
  },
});
await pool.start();
const all = Array.from({ length: Number(jobs) }, (_, n) => n);
for (let start = 0; start < all.length; start += 100) {
  const part = all.slice(start, start + 100);
  await Promise.all(
    part.map((payload) => queue.submit({ type: "chaos", payload, maxStalls: 100, idempotencyKey: `n${payload}` })),
  );
}
for (;;) {
  await delay(50);
  const { byStatus } = await queue.stats().catch(() => ({ byStatus: {} }));
  if (all.length > 0 && byStatus.completed === Math.min(all.length, 10_000)) break;
}
await pool[Symbol.asyncDispose]();
await queue[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
