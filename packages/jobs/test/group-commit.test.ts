import { AspenError } from "@aspen/plugin-api";
import type { KeyValueStore, Store, Transaction } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";
import { type ClaimedJob, KvJobQueue } from "../src/index.js";

/** A store that tells of each transaction before it is carried out. */
function watched(store: MemoryStore, onTransact: (transaction: Transaction) => void): Store {
  const kv = new Proxy(store.kv, {
    get(target, name: keyof KeyValueStore) {
      const real = Reflect.get(target, name);
      if (typeof real !== "function") return real;
      return async (...args: unknown[]) => {
        if (name === "transact") onTransact(args[0] as Transaction);
        return Reflect.apply(real, target, args);
      };
    },
  });
  return { kv, blobs: store.blobs, [Symbol.asyncDispose]: async () => undefined } as unknown as Store;
}

const JOBS = 40;
const claim = (queue: KvJobQueue, limit = JOBS): Promise<ClaimedJob[]> =>
  queue.claim({ worker: "w", types: [{ type: "t" }], limit, leaseMs: 60_000 });
const submitAll = (queue: KvJobQueue) =>
  Promise.all(Array.from({ length: JOBS }, (_, payload) => queue.submit({ type: "t", payload })));

test("jobs that are submitted or completed at once share a few transactions", async () => {
  await using memory = new MemoryStore();
  let transactions = 0;
  await using queue = new KvJobQueue(
    watched(memory, () => {
      transactions += 1;
    }),
  );
  await queue.registerTypes(["t"]);
  await submitAll(queue);
  expect(transactions).toBeLessThan(5);
  const jobs = await claim(queue);
  expect(jobs.length).toBe(JOBS);
  transactions = 0;
  await Promise.all(jobs.map((job) => queue.complete(job, job.payload)));
  expect(transactions).toBeLessThan(5);
  for (const { id, payload } of jobs)
    expect(await queue.get(id)).toMatchObject({ status: "completed", result: payload });
});

test("of jobs that are completed at once, those that are held no more are refused, and no other", async () => {
  await using memory = new MemoryStore();
  await using queue = new KvJobQueue(memory);
  await using other = new KvJobQueue(memory);
  await queue.registerTypes(["t"]);
  await submitAll(queue);
  const jobs = await claim(queue);
  const lost = new Set([3, 17].map((index) => jobs[index]!));
  for (const job of lost) await other.release(job);
  expect((await claim(other)).length).toBe(lost.size);
  const ends = await Promise.allSettled(jobs.map((job) => queue.complete(job, null)));
  for (const [index, job] of jobs.entries()) {
    if (lost.has(job)) expect(ends[index]).toMatchObject({ status: "rejected", reason: { code: "LEASE_LOST" } });
    else expect(ends[index]!.status).toBe("fulfilled");
    expect((await queue.get(job.id))!.status).toBe(lost.has(job) ? "running" : "completed");
  }
});

test("one that the store refuses fails alone", async () => {
  await using memory = new MemoryStore();
  const poison = "a payload that is too much";
  await using queue = new KvJobQueue(
    watched(memory, ({ ops }) => {
      const refused = ops.some((op) => "value" in op && Buffer.from(op.value).includes(poison));
      if (refused) throw new AspenError("PAYLOAD_TOO_LARGE", "no");
    }),
  );
  await queue.registerTypes(["t"]);
  const payloads = ["one", poison, "two"];
  const submits = await Promise.allSettled(payloads.map((payload) => queue.submit({ type: "t", payload })));
  expect(submits.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((await claim(queue)).map(({ payload }) => payload)).toEqual(["one", "two"]);
});

test("changes of one job that come at once follow each other", async () => {
  await using memory = new MemoryStore();
  await using queue = new KvJobQueue(memory);
  await queue.registerTypes(["t"]);
  const { id } = await queue.submit({ type: "t" });
  const [job] = await claim(queue, 1);
  const [answers] = await Promise.all([
    queue.update([{ ...job!, leaseMs: 60_000, progress: { percent: 40 } }]),
    queue.complete(job!, "done"),
  ]);
  expect(answers).toEqual(["held"]);
  expect(await queue.get(id)).toMatchObject({ status: "completed", result: "done", progress: { percent: 40 } });
  await Promise.all(Array.from({ length: 5 }, () => queue.submit({ type: "t", idempotencyKey: "k" })));
  expect((await queue.list({ status: "pending" })).jobs.length).toBe(1);
});
