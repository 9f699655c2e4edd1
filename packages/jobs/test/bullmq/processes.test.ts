import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { BullMqJobQueue } from "../../src/bullmq.js";
import { FunctionWorker, type JobEvent, WorkerPool } from "../../src/index.js";
import { allJobs, kill, start, submitUnderKills } from "../chaos/waves.js";
import { silent, until } from "../helpers.js";

/** The soak sets more. */
const JOBS = Number(process.env.ASPEN_CHAOS_JOBS ?? 600);

/** Reads the events on from where it was: the queue keeps the newest 10,000 or so. */
function eventsOf(queue: BullMqJobQueue) {
  const events: JobEvent[] = [];
  let after: string | undefined;
  return {
    events,
    async read(): Promise<void> {
      for (;;) {
        const page = await queue.events(after === undefined ? {} : { after });
        if (page.events.length === 0) return;
        events.push(...page.events);
        after = page.cursor;
      }
    },
  };
}

test("worker processes are killed and connections cut, and every job completes exactly once", async () => {
  await using server = await RedisServer.start();
  await using store = await RedisStore.open({ url: server.url });
  const admin = new Redis(server.url, { maxRetriesPerRequest: null });
  await using queue = new BullMqJobQueue(store, { redis: admin });
  await queue.registerTypes(["chaos"]);
  const followed = eventsOf(queue);
  try {
    const submitted = await submitUnderKills(queue, {
      ...{ jobs: JOBS, wave: 120, processes: 3 },
      process: () => start("run-jobs.mjs", server.url, "0", "bullmq"),
      cut: () => admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
      done: followed.read,
    });
    const jobs = await allJobs(queue);
    expect(jobs.filter(({ status }) => status !== "completed")).toEqual([]);
    const payloads = jobs.map(({ payload }) => payload as number).sort((a, b) => a - b);
    expect(payloads).toEqual(Array.from({ length: submitted }, (_, n) => n));
    for (const { payload, result } of jobs) expect(result).toMatchObject({ payload });
    const completed = followed.events.filter(({ kind }) => kind === "job.completed").map(({ id }) => id);
    expect(completed.length).toBe(submitted);
    expect(new Set(completed).size).toBe(submitted);
  } finally {
    admin.disconnect();
  }
});

/** A process whose jobs block it, and beside it a queue with somebody who looks after it. */
async function scene() {
  const server = await RedisServer.start();
  const store = await RedisStore.open({ url: server.url });
  const queue = new BullMqJobQueue(store);
  const pool = new WorkerPool({ queue, blobs: store.blobs, logger: silent }, { maintainMs: 200, pressure: false });
  await pool.start();
  const child = start("block.mjs", server.url, "2000", "bullmq");
  await until(async () => (await queue.knownTypes()).includes("block"));
  return {
    ...{ server, store, queue, pool, child },
    async [Symbol.asyncDispose]() {
      await kill(child);
      await pool[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test("a function that blocks its process for longer than its lease neither stalls nor runs twice", async () => {
  await using it = await scene();
  const { id } = await it.queue.submit({ type: "block", payload: 7000, maxStalls: 0 });
  expect(await it.queue.wait(id)).toMatchObject({ status: "completed", result: "done", attempts: 1 });
});

test("a process that is killed while a function blocks it gives its job back", async () => {
  await using it = await scene();
  const day = 86_400_000;
  const { id } = await it.queue.submit({ type: "block", payload: day, timeoutMs: day, maxStalls: 1 });
  await until(async () => (await it.queue.get(id))?.status === "running");
  await kill(it.child);
  await using taking = new WorkerPool(
    { queue: it.queue, blobs: it.store.blobs, logger: silent },
    { pressure: false, name: "taking" },
  );
  taking.add(new FunctionWorker([{ type: "block", run: () => "taken over" }]));
  await taking.start();
  expect(await it.queue.wait(id)).toMatchObject({ status: "completed", result: "taken over", attempts: 2 });
});
