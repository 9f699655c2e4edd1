import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { z } from "zod";
import {
  defineJob,
  type FunctionJob,
  FunctionWorker,
  type JobContext,
  KvJobQueue,
  PermanentFailure,
  type RunnableJob,
  type Worker,
  WorkerPool,
} from "../src/index.js";
import { poolOf, QUICK, silent, until } from "./helpers.js";

const run = (type: string, run: FunctionJob["run"]): FunctionJob => ({ type, run });
/** Waits for its signal, and ends with its reason. */
const heedful = (_job: RunnableJob, { signal }: JobContext) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("a job runs, tells how far it is and what it does, and has its result", async () => {
  const worker = new FunctionWorker([
    run("add", ({ payload }, { log, progress }) => {
      const { a, b } = payload as { a: number; b: number };
      progress({ percent: 50, message: "adding" });
      log.info({ a, b }, "adding");
      return { sum: a + b };
    }),
  ]);
  await using it = await poolOf([worker]);
  const { id } = await it.queue.submit({ type: "add", payload: { a: 1, b: 2 } });
  const job = await it.queue.wait(id);
  expect(job).toMatchObject({ status: "completed", result: { sum: 3 }, attempts: 1, progress: { percent: 50 } });
  const { lines } = await it.queue.logs(id);
  expect(lines).toMatchObject([{ level: "info", message: "adding", fields: { a: 1, b: 2 } }]);
  await until(() => it.pool.counts.of("add").completed === 1);
});

test("what a worker throws is the failure, tried again as often as asked, and not when it is for good", async () => {
  let calls = 0;
  const worker = new FunctionWorker([
    run("flaky", () => {
      calls += 1;
      if (calls < 3) throw new Error("not yet");
      return calls;
    }),
    run("broken", () => {
      throw new PermanentFailure("never", "MY_CODE");
    }),
  ]);
  await using it = await poolOf([worker]);
  const flaky = await it.queue.submit({ type: "flaky", attempts: 3, backoff: { type: "fixed", delayMs: 5 } });
  expect(await it.queue.wait(flaky.id)).toMatchObject({ status: "completed", result: 3, attempts: 3 });
  const broken = await it.queue.submit({ type: "broken", attempts: 5 });
  const job = await it.queue.wait(broken.id);
  expect(job).toMatchObject({ status: "failed", attempts: 1, error: { code: "MY_CODE", message: "never" } });
});

test("a payload against its type's schema fails for good, and a good one has the schema's type", async () => {
  const worker = new FunctionWorker([
    defineJob({ type: "typed", payload: z.strictObject({ n: z.int() }), run: ({ payload }) => payload.n + 1 }),
  ]);
  await using it = await poolOf([worker]);
  const good = await it.queue.submit({ type: "typed", payload: { n: 1 } });
  expect((await it.queue.wait(good.id)).result).toBe(2);
  const bad = await it.queue.submit({ type: "typed", payload: { n: "x" }, attempts: 3 });
  const job = await it.queue.wait(bad.id);
  expect(job).toMatchObject({ status: "failed", attempts: 1, error: { code: "INVALID_PARAMS" } });
  expect(job.error?.message).toContain("n:");
});

test("a result that JSON cannot hold fails for good", async () => {
  await using it = await poolOf([new FunctionWorker([run("big", () => 1n)])]);
  const { id } = await it.queue.submit({ type: "big", attempts: 3 });
  expect(await it.queue.wait(id)).toMatchObject({ status: "failed", attempts: 1, error: { code: "INVALID_PARAMS" } });
});

test("a job over its time is stopped, also one that heeds nothing", async () => {
  const worker = new FunctionWorker([run("heedful", heedful), run("deaf", () => new Promise(() => undefined))]);
  await using it = await poolOf([worker]);
  for (const type of ["heedful", "deaf"]) {
    const { id } = await it.queue.submit({ type, timeoutMs: 20 });
    expect(await it.queue.wait(id)).toMatchObject({ status: "failed", error: { code: "JOB_TIMEOUT" } });
  }
  await until(() => it.pool.counts.of("deaf").failed === 1);
  // Nothing can end it: its slot stays taken.
  expect(it.pool.running).toBe(1);
});

test("a cancel by another process reaches the job that runs", async () => {
  let begun = false;
  const worker = new FunctionWorker([
    run("heedful", (job, context) => {
      begun = true;
      return heedful(job, context);
    }),
  ]);
  // No renewal comes early enough: the hint alone tells it.
  await using it = await poolOf([worker], { leaseMs: 3_600_000 });
  await using other = new KvJobQueue(it.store);
  const { id } = await other.submit({ type: "heedful", attempts: 3 });
  await until(() => begun);
  expect((await other.cancel(id, "not wanted")).cancelRequested).toBe(true);
  const job = await other.wait(id);
  expect(job).toMatchObject({ status: "cancelled", error: { code: "JOB_CANCELLED" } });
  expect(job.error?.message).toContain("not wanted");
});

test("no more jobs run at once than there are slots, in all and of a type", async () => {
  let running = 0;
  let most = 0;
  let mostOne = 0;
  let ones = 0;
  const work = async (one: boolean) => {
    running += 1;
    ones += one ? 1 : 0;
    most = Math.max(most, running);
    mostOne = Math.max(mostOne, ones);
    await delay(5);
    running -= 1;
    ones -= one ? 1 : 0;
  };
  const worker = new FunctionWorker([run("one", () => work(true)), run("many", () => work(false))]);
  await using it = await poolOf([worker], { concurrency: 4, types: { one: { concurrency: 1 } } });
  const submits = Array.from({ length: 40 }, (_, n) => it.queue.submit({ type: n % 2 === 0 ? "one" : "many" }));
  const jobs = await Promise.all(submits);
  await Promise.all(jobs.map(({ id }) => it.queue.wait(id)));
  expect(mostOne).toBe(1);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(4);
});

describe("a drained pool", () => {
  test("waits for what runs, and takes nothing more", async () => {
    let end = (): void => undefined;
    const worker = new FunctionWorker([run("slow", () => new Promise<void>((resolve) => (end = resolve)))]);
    await using it = await poolOf([worker], { concurrency: 1, drainMs: 600_000 });
    const first = await it.queue.submit({ type: "slow" });
    const second = await it.queue.submit({ type: "slow" });
    await until(async () => (await it.queue.get(first.id))?.status === "running" && it.pool.running === 1);
    const drained = it.pool.drain();
    end();
    await drained;
    expect((await it.queue.get(first.id))?.status).toBe("completed");
    expect((await it.queue.get(second.id))?.status).toBe("pending");
    expect(it.pool.idleBecause).toContain("stopping");
  });

  test("gives back what does not end in time, as if it had not been started", async () => {
    await using it = await poolOf([new FunctionWorker([run("slow", heedful)])], { drainMs: 10 });
    const { id } = await it.queue.submit({ type: "slow" });
    await until(() => it.pool.running === 1);
    await it.pool.drain();
    expect(await it.queue.get(id)).toMatchObject({ status: "pending", attempts: 0 });
  });
});

test("workers are started before the first job, and shut down after the last", async () => {
  const told: string[] = [];
  const worker: Worker = {
    jobTypes: () => ["t"],
    execute: async () => told.push("execute"),
    onStart: async () => void told.push("start"),
    onShutdown: async () => void told.push("shutdown"),
  };
  {
    await using it = await poolOf([worker]);
    const { id } = await it.queue.submit({ type: "t" });
    await it.queue.wait(id);
  }
  expect(told).toEqual(["start", "execute", "shutdown"]);
});

test("two workers of one type, a worker that comes late, and bad options are refused", async () => {
  await using it = await poolOf([]);
  const pool = new WorkerPool({ queue: it.queue, blobs: it.store.blobs, logger: silent }, QUICK);
  pool.add(new FunctionWorker([run("a", () => 1)]));
  const refused = (code: string) => expect.objectContaining({ code });
  expect(() => pool.add(new FunctionWorker([run("a", () => 1)]))).toThrow(refused("INVALID_PARAMS"));
  expect(() => it.pool.add(new FunctionWorker([run("a", () => 1)]))).toThrow(refused("JOB_STATE"));
  const parts = { queue: it.queue, blobs: it.store.blobs, logger: silent };
  for (const options of [{ concurrency: 0 }, { leaseMs: 1 }, { types: { "a b": {} } }, { graceMs: -1 }]) {
    expect(() => new WorkerPool(parts, options)).toThrow(refused("INVALID_PARAMS"));
  }
});
