import { setTimeout as delay } from "node:timers/promises";
import type { KeyValueStore } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";
import { FunctionWorker, KvJobQueue, type Worker, WorkerPool } from "../src/index.js";
import { QueueCounts } from "../src/queue/queue-counts.js";
import { silent, until } from "./helpers.js";

/** No look comes by itself within the test. */
const HINTS_ALONE = { pollMs: 3_600_000, maintainMs: 3_600_000, pressure: false } as const;

/** A store whose calls are counted. */
function counted(store: MemoryStore) {
  const counts = { calls: 0 };
  const kv = new Proxy(store.kv, {
    get: (target, name: keyof KeyValueStore) => {
      const member = target[name];
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        counts.calls += 1;
        return (member as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { kv, blobs: store.blobs, counts };
}

async function start(store: Pick<MemoryStore, "kv" | "blobs">, workers: readonly Worker[], options = {}) {
  const queue = new KvJobQueue(store);
  const pool = new WorkerPool({ queue, blobs: store.blobs, logger: silent }, { pressure: false, ...options });
  for (const worker of workers) pool.add(worker);
  let looks = 0;
  const listening = queue.subscribe(({ kind }) => {
    if (kind === "maintained") looks += 1;
  });
  await pool.start();
  await until(() => looks > 0);
  return {
    ...{ queue, pool },
    async [Symbol.asyncDispose]() {
      listening[Symbol.dispose]();
      await pool[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
    },
  };
}

const double = () => new FunctionWorker([{ type: "double", run: ({ payload }) => 2 * (payload as number) }]);

test("a pool without workers leaves the store alone while nothing happens", async () => {
  await using memory = new MemoryStore();
  const { counts, ...store } = counted(memory);
  await using it = await start(store, []);
  await using reading = new QueueCounts(it.queue, silent, 1);
  reading.start();
  await until(() => reading.last !== null);
  await delay(100);
  const before = counts.calls;
  await delay(3000);
  expect(counts.calls - before).toBe(0);
});

test("a pool with a worker looks for jobs less and less often, and takes one as soon as it is told", async () => {
  await using memory = new MemoryStore();
  const { counts, ...store } = counted(memory);
  await using it = await start(store, [double()]);
  const before = counts.calls;
  await delay(4000);
  // After one, two and four seconds; before them, the look of the start may still be under way.
  expect(counts.calls - before).toBeLessThan(8);
  const { id } = await it.queue.submit({ type: "double", payload: 2 });
  expect(await it.queue.wait(id)).toMatchObject({ status: "completed", result: 4 });
});

test("a delayed job starts when it is due, although who submitted it is gone and no look is near", async () => {
  await using store = new MemoryStore();
  await using it = await start(store, [double()], HINTS_ALONE);
  // Something later is known already.
  await it.queue.submit({ type: "double", payload: 0, delayMs: 3_600_000 });
  const gone = new KvJobQueue(store);
  const { id } = await gone.submit({ type: "double", payload: 1, delayMs: 300 });
  // What it has told is told by the store from here on.
  await until(async () => (await store.kv.scan({ prefix: "__jobs-signal:due:" })).entries.length === 2);
  await gone[Symbol.asyncDispose]();
  expect(await it.queue.wait(id)).toMatchObject({ status: "completed", result: 2 });
});

test("a lease that ends, a back-off and the delay of a child are looked at when they are due", async () => {
  await using store = new MemoryStore();
  let calls = 0;
  const flaky = new FunctionWorker([
    {
      type: "flaky",
      run: () => {
        calls += 1;
        if (calls === 1) throw new Error("once");
        return calls;
      },
    },
  ]);
  await using it = await start(store, [double(), flaky], HINTS_ALONE);
  const backoff = { type: "fixed", delayMs: 50 } as const;
  const tried = await it.queue.submit({ type: "flaky", attempts: 2, backoff });
  expect(await it.queue.wait(tried.id)).toMatchObject({ status: "completed", result: 2 });

  await using other = new KvJobQueue(store);
  await other.registerTypes(["theirs"]);
  const parent = await other.submit({ type: "theirs", maxStalls: 0 });
  const child = { type: "double", payload: 4, dependsOn: [parent.id], onDependencyFailure: "ignore", delayMs: 200 };
  const { id } = await other.submit({ ...child, onDependencyFailure: "ignore" });
  expect(await other.claim({ worker: "w", types: [{ type: "theirs" }], limit: 1, leaseMs: 100 })).toHaveLength(1);
  expect(await it.queue.wait(parent.id)).toMatchObject({ status: "dead_letter" });
  expect(await it.queue.wait(id)).toMatchObject({ status: "completed", result: 8 });
});

test("of several pools one looks for all of them", async () => {
  await using store = new MemoryStore();
  const pools = await Promise.all(Array.from({ length: 5 }, () => start(store, [], { maintainMs: 400 })));
  try {
    // Something is there, so that they do not rest.
    await pools[0]!.queue.submit({ type: "x", allowUnknown: true, delayMs: 3_600_000 });
    // A look is heard where it was made, and again from the store.
    const looks = new Set<number>();
    using _ = pools[0]!.queue.subscribe((signal) => {
      if (signal.kind === "maintained") looks.add(signal.at);
    });
    await until(() => looks.size > 0);
    looks.clear();
    await delay(4000);
    // Each by itself would look 7 to 10 times, so some 40 times in all.
    expect(looks.size).toBeLessThan(25);
  } finally {
    for (const pool of pools) await pool[Symbol.asyncDispose]();
  }
});
