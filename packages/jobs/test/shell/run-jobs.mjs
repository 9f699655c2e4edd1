// Runs shell jobs as whoever starts it, one payload a line of its input, and prints a line for each end. From the build.
import { createInterface } from "node:readline";
import { KvJobQueue, ShellWorker, WorkerPool } from "@aspen/jobs";
import { MemoryStore } from "@aspen/storage/memory";

const logger = { debug() {}, info() {}, warn: (_, message) => console.error(message), error: console.error };
const store = new MemoryStore();
const queue = new KvJobQueue(store);
const pool = new WorkerPool({ queue, blobs: store.blobs, logger }, { pressure: false, graceMs: 100 });
const worker = new ShellWorker({ ...JSON.parse(process.argv[2] ?? "{}"), logger });
pool.add(worker);
await pool.start();
console.log(JSON.stringify({ uid: process.getuid(), ...worker.inForce }));
for await (const line of createInterface({ input: process.stdin })) {
  const { timeoutMs, ...payload } = JSON.parse(line);
  const { id } = await queue.submit({ type: "shell", payload, timeoutMs: timeoutMs ?? 20_000 });
  const { status, result, error } = await queue.wait(id);
  console.log(JSON.stringify({ status, result, error }));
}
for (const it of [pool, queue, store]) await it[Symbol.asyncDispose]();
