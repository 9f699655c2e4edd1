import { MemoryStore } from "@aspen/storage/memory";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { BullMqJobQueue, type BullMqJobQueueOptions } from "../../src/bullmq.js";
import { JobSchedules } from "../../src/index.js";
import { until } from "../helpers.js";

let server: RedisServer;
let redis: Redis;
const store = new MemoryStore();
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});
beforeEach(async () => {
  redis = new Redis(server.url, { maxRetriesPerRequest: null });
  await redis.flushall();
});
afterEach(() => {
  redis.disconnect();
});

async function opened(options: BullMqJobQueueOptions = {}): Promise<BullMqJobQueue> {
  const queue = new BullMqJobQueue(store, { redis, ...options });
  await queue.registerTypes(["work"]);
  return queue;
}
const claimOne = async (queue: BullMqJobQueue) =>
  (await queue.claim({ worker: "w", types: [{ type: "work" }], limit: 1, leaseMs: 10_000 }))[0]!;

test("a worker of BullMQ runs the jobs, and what it did is seen", async () => {
  await using queue = await opened();
  const good = await queue.submit({ type: "work", payload: { n: 1 } });
  const bad = await queue.submit({
    type: "work",
    payload: { n: 2 },
    attempts: 2,
    backoff: { type: "fixed", delayMs: 1 },
  });
  const connection = { host: "127.0.0.1", port: server.port, maxRetriesPerRequest: null };
  const worker = new Worker(
    "work",
    async ({ name, data }) => {
      if (data.n === 2) throw new Error("not two");
      return { name, ...data };
    },
    { connection, prefix: "{aspen-jobs}" },
  );
  try {
    expect(await queue.wait(good.id)).toMatchObject({ status: "completed", result: { name: "work", n: 1 } });
    const failed = { status: "dead_letter", attempts: 2, error: { code: "JOB_FAILED", message: "not two" } };
    expect(await queue.wait(bad.id)).toMatchObject(failed);
  } finally {
    await worker.close();
  }
});

test("a job that another producer of BullMQ added is run, and shown with the defaults", async () => {
  await using queue = await opened();
  const connection = { host: "127.0.0.1", port: server.port, maxRetriesPerRequest: null };
  const producer = new Queue("work", { connection, prefix: "{aspen-jobs}" });
  try {
    await producer.add("work", { n: 3 }, { jobId: "mine", aspen: '{"maxStalls":"x"}' } as object);
    const job = await claimOne(queue);
    expect(job).toMatchObject({ type: "work", payload: { n: 3 }, attempts: 1, maxAttempts: 1, timeoutMs: 300_000 });
    // Nobody is behind it: it calls nothing.
    expect(job.caller).toMatchObject({ kind: "anonymous", grants: { methods: [], kvPrefixes: [] } });
    await queue.complete(job, "seen");
    const kept = await producer.getJob(job.id);
    expect(kept?.returnvalue).toBe("seen");
    expect((await queue.list()).jobs).toMatchObject([{ id: "mine", status: "completed", result: "seen" }]);
    await queue.remove("mine");
    expect(await producer.getJob("mine")).toBeUndefined();
  } finally {
    await producer.close();
  }
});

test("finished jobs are kept for their time, with nothing left of them after it", async () => {
  await using queue = await opened({ keepCompletedMs: 0, keepFailedMs: 0, keepDeadMs: 60_000 });
  const failure = { code: "X", message: "x" };
  await queue.submit({ type: "work", payload: "x".repeat(100_000) });
  await queue.complete(await claimOne(queue), "y".repeat(100_000));
  await queue.submit({ type: "work" });
  await queue.fail(await claimOne(queue), failure);
  const { id: dead } = await queue.submit({ type: "work", attempts: 2, backoff: { type: "fixed", delayMs: 0 } });
  for (let attempt = 0; attempt < 2; attempt++) await queue.fail(await claimOne(queue), failure);
  const { id: cancelled } = await queue.submit({ type: "work" });
  await queue.cancel(cancelled);
  expect((await queue.maintain()).removed).toBe(3);
  expect((await queue.list()).jobs).toMatchObject([{ id: dead, status: "dead_letter" }]);
  await queue.remove(dead);
  expect(await redis.keys("*-*-*-*")).toEqual([]);
  expect(await redis.exists("{aspen-jobs}:~where", "{aspen-jobs}:~index")).toBe(0);
});

test("a queue on a store of Redis has a connection of its own, and a thread can open it", async () => {
  await using onRedis = await RedisStore.open({ url: server.url });
  await using queue = new BullMqJobQueue(onRedis);
  await queue.submit({ type: "work", allowUnknown: true });
  expect(queue.inThread).toMatchObject({ bullMqPrefix: "aspen-jobs" });
  await using given = await opened();
  expect(given.inThread).toBeUndefined();
});

test("a store that is not on Redis is refused when no client is given", () => {
  const refused = expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining("redisUrl") });
  expect(() => new BullMqJobQueue(store)).toThrow(refused);
});

test("a Redis that evicts keys is refused", async () => {
  await redis.config("SET", "maxmemory-policy", "allkeys-lru");
  await using queue = new BullMqJobQueue(store, { redis });
  const refused = { code: "STORE_UNAVAILABLE", message: expect.stringContaining("noeviction") };
  await expect(queue.stats()).rejects.toMatchObject(refused);
  await redis.config("SET", "maxmemory-policy", "noeviction");
  // What failed once is tried again.
  expect((await queue.stats()).byStatus.pending).toBe(0);
});

test("a user with the rights that the README names has enough", async () => {
  const rules =
    "~{aspen-jobs}:* &{aspen-jobs}:* +@read +@write -@dangerous +evalsha +eval +publish +subscribe +ping +info +multi +exec";
  await redis.call("ACL", "SETUSER", "jobs", "reset", "on", ">secret", ...rules.split(" "));
  const limited = new Redis(server.url, { username: "jobs", password: "secret", maxRetriesPerRequest: null });
  try {
    const errors: unknown[] = [];
    await using queue = await opened({ redis: limited, onError: (error) => errors.push(error) });
    const { ids } = await queue.submitFlow([
      { name: "first", type: "work" },
      { name: "second", type: "work", dependsOn: ["first"] },
    ]);
    const waiting = queue.wait(ids.second!);
    for (let n = 0; n < 2; n++) await queue.complete(await claimOne(queue), n);
    expect(await waiting).toMatchObject({ status: "completed", result: 1 });
    await queue.maintain();
    expect(errors).toEqual([]);
  } finally {
    limited.disconnect();
  }
});

test("a tick of a schedule has one job, however often it is submitted", async () => {
  await using queue = await opened();
  const origin = { name: "nightly", scheduledAt: 1_900_000_000_000 };
  for (let time = 0; time < 3; time++) {
    const prepared = await queue.inStore.prepare({ type: "work", payload: time }, origin);
    await prepared.submit?.();
    await prepared.submit?.();
  }
  expect((await queue.list()).jobs).toMatchObject([{ payload: 0, schedule: origin }]);
});

test("schedules on two nodes submit one job for each tick", async () => {
  await using queue = await opened();
  await using other = await opened();
  const [one, two] = [new JobSchedules(queue), new JobSchedules(other)];
  const errors: unknown[] = [];
  const run = (schedules: JobSchedules) => schedules.run({ onError: (error) => errors.push(error) });
  await using _ = run(one);
  await using __ = run(two);
  await one.create({ name: "often", everyMs: 100, overlap: "allow", job: { type: "work" } });
  await until(async () => (await queue.list()).jobs.length >= 5);
  await one.remove("often");
  const ticks = (await queue.list()).jobs.map(({ schedule }) => schedule!.scheduledAt);
  expect(new Set(ticks).size).toBe(ticks.length);
  const id = await (async () => {
    await two.create({ name: "by-hand", cron: "0 0 1 1 *", job: { type: "work", payload: 7 } });
    return two.trigger("by-hand");
  })();
  expect(await queue.get(id)).toMatchObject({ payload: 7, schedule: { name: "by-hand" } });
  expect(errors).toEqual([]);
});

test("a job that waits for one that another tool removed fails", async () => {
  await using queue = await opened();
  const connection = { host: "127.0.0.1", port: server.port, maxRetriesPerRequest: null };
  const tool = new Queue("work", { connection, prefix: "{aspen-jobs}" });
  try {
    const { id: parent } = await queue.submit({ type: "work" });
    const { id } = await queue.submit({ type: "work", dependsOn: [parent] });
    await (await tool.getJob(parent))?.remove();
    expect((await queue.list()).jobs).toMatchObject([{ id, status: "pending" }]);
    await queue.maintain();
    expect(await queue.get(id)).toMatchObject({ status: "failed", error: { code: "JOB_DEPENDENCY_FAILED" } });
  } finally {
    await tool.close();
  }
});

test("a Redis that is not there is not waited for without end", async () => {
  const nobody = new Redis({ port: 1, maxRetriesPerRequest: null, disconnectTimeout: 100 });
  nobody.on("error", () => undefined);
  await using queue = new BullMqJobQueue(store, { redis: nobody });
  await expect(queue.stats()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  nobody.disconnect();
}, 30_000);

test("events are read page by page", async () => {
  await using queue = await opened();
  const { id } = await queue.submit({ type: "work", group: "g" });
  const first = await queue.events({ limit: 100 });
  expect(first.events).toMatchObject([{ kind: "job.pending", id, type: "work", group: "g" }]);
  await queue.cancel(id);
  const next = await queue.events({ after: first.cursor });
  expect(next.events.map(({ kind }) => kind)).toEqual(["job.cancelled"]);
  expect((await queue.events({ after: next.cursor })).events).toEqual([]);
  await expect(queue.events({ after: "{" })).rejects.toMatchObject({ code: "INVALID_PARAMS" });
});

test("a queue that is closed says so", async () => {
  const queue = await opened();
  await queue[Symbol.asyncDispose]();
  await expect(queue.stats()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(await redis.ping()).toBe("PONG");
});
