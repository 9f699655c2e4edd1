import { parentPort, workerData } from "node:worker_threads";
import { every } from "@aspen/plugin-api";
import type { Store, WorkerStoreModule } from "@aspen/storage";
import { BullMqJobQueue } from "../queue/bullmq/bullmq-job-queue.js";
import { loadBullMq } from "../queue/bullmq/packages.js";
import type { JobQueue } from "../queue/contract.js";
import { KvJobQueue } from "../queue/kv/kv-job-queue.js";
import type { FromLeaseThread, LeaseThreadData, ToLeaseThread } from "./lease-thread.js";

if (!parentPort) throw new Error("this file runs in a worker thread of a WorkerPool");
const port = parentPort;
const { store: description, namespace, bullMqPrefix, leaseMs, shared } = workerData as LeaseThreadData;
// Now, so that it need not be loaded when every moment counts.
const { openWorkerStore } = (await import(description.module)) as WorkerStoreModule;
if (bullMqPrefix !== undefined) await loadBullMq();

const numbers = new BigInt64Array(shared);
const held = new Map<string, number>();
let seen = -1n;
let turnedAt = performance.now();
let renewedAt = Number.NEGATIVE_INFINITY;
let opened: { store: Store; queue: JobQueue } | null = null;

port.on("message", (told: ToLeaseThread) => {
  for (const { id, token } of told.held) held.set(id, token);
  for (const { id, token } of told.over) if (held.get(id) === token) held.delete(id);
});

every(leaseMs / 12, look, {
  unref: false,
  onError: (error) => {
    tell({ kind: "problem", problem: error instanceof Error ? error.message : String(error) });
  },
});

tell({ kind: "ready" });

function tell(message: FromLeaseThread): void {
  port.postMessage(message);
}

/** The pool renews the leases itself after a third of them, as long as its event loop turns. */
async function look(): Promise<void> {
  const now = performance.now();
  const beat = Atomics.load(numbers, 0);
  if (beat !== seen) turnedAt = now;
  seen = beat;
  const still = now - turnedAt;
  if (still < leaseMs / 4) await close();
  else if (held.size > 0 && now - renewedAt >= leaseMs / 3) await renew();
}

async function renew(): Promise<void> {
  opened ??= await open();
  const startedAt = performance.now();
  const updates = [...held].map(([id, token]) => ({ id, token, leaseMs }));
  const answers = await opened.queue.update(updates);
  for (const [index, { id, token }] of updates.entries()) {
    if (answers[index] === "lost" && held.get(id) === token) held.delete(id);
  }
  renewedAt = startedAt;
  Atomics.store(numbers, 1, BigInt(Math.floor(performance.timeOrigin + startedAt)));
}

async function open() {
  const store = await openWorkerStore(description.data);
  if (bullMqPrefix === undefined) return { store, queue: new KvJobQueue(store, { namespace }) };
  return { store, queue: new BullMqJobQueue(store, { namespace, prefix: bullMqPrefix }) };
}

/** A connection that is not needed costs the store something. */
async function close(): Promise<void> {
  renewedAt = Number.NEGATIVE_INFINITY;
  const last = opened;
  opened = null;
  await last?.queue[Symbol.asyncDispose]();
  await last?.store[Symbol.asyncDispose]();
}
