// Runs jobs of the type `block` until it is killed, each of which keeps the event loop busy for as long as its payload
// says: `node block.mjs REDIS_URL LEASE_MS [bullmq]`.

import { FunctionWorker, KvJobQueue, WorkerPool } from "@aspen/jobs";
import { BullMqJobQueue } from "@aspen/jobs/bullmq";
import { RedisStore } from "@aspen/storage/redis";

const [url, leaseMs, engine] = process.argv.slice(2);
const store = await RedisStore.open({ url });
const queue = engine === "bullmq" ? new BullMqJobQueue(store) : new KvJobQueue(store);
const logger = { debug() {}, info() {}, warn: console.error, error: console.error };
const pool = new WorkerPool(
  { queue, blobs: store.blobs, logger },
  { name: "blocked", leaseMs: Number(leaseMs), pressure: false },
);
const block = ({ payload }) => {
  const end = performance.now() + payload;
  while (performance.now() < end) Math.random();
  return "done";
};
pool.add(new FunctionWorker([{ type: "block", run: block }]));
await pool.start();
