import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { FunctionWorker, KvJobQueue, ThreadWorker } from "../src/index.js";
import { poolOf, until } from "./helpers.js";

const module = fileURLToPath(new URL("./fixtures/jobs.mjs", import.meta.url));
const job = (type: string, name = type) => ({ type, module, export: name });

test("a function in a thread runs, logs, and has its result", async () => {
  await using it = await poolOf([new ThreadWorker([{ type: "double", module }])]);
  for (const n of [1, 2, 3]) {
    const { id } = await it.queue.submit({ type: "double", payload: n });
    expect(await it.queue.wait(id)).toMatchObject({
      status: "completed",
      result: 2 * n,
      progress: { percent: 50, message: "half" },
    });
    expect((await it.queue.logs(id)).lines).toMatchObject([{ message: "doubling", fields: { payload: n } }]);
  }
});

test("a loop without end is ended, by its time and by a cancel, and the next job runs", async () => {
  await using it = await poolOf([new ThreadWorker([job("forever"), { type: "double", module }])], { concurrency: 1 });
  const timed = await it.queue.submit({ type: "forever", timeoutMs: 300 });
  expect(await it.queue.wait(timed.id)).toMatchObject({ status: "failed", error: { code: "JOB_TIMEOUT" } });
  const cancelled = await it.queue.submit({ type: "forever" });
  // The line says that it has begun.
  await until(async () => (await it.queue.logs(cancelled.id)).lines.length > 0);
  await it.queue.cancel(cancelled.id);
  expect(await it.queue.wait(cancelled.id)).toMatchObject({ status: "cancelled", error: { code: "JOB_CANCELLED" } });
  const next = await it.queue.submit({ type: "double", payload: 4 });
  expect((await it.queue.wait(next.id)).result).toBe(8);
  await until(() => it.pool.running === 0);
});

test("a function that heeds its signal ends by itself, and no timer waits for it any more", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  await using it = await poolOf([new ThreadWorker([job("heedful")])], { graceMs: 600_000 });
  const { id } = await it.queue.submit({ type: "heedful" });
  await until(() => it.pool.running === 1);
  await it.queue.cancel(id);
  expect((await it.queue.wait(id)).status).toBe("cancelled");
  await it[Symbol.asyncDispose]();
  await until(() => timers() <= before);
});

test("a thread that dies under its job fails the attempt, and the next has a new one", async () => {
  await using it = await poolOf([new ThreadWorker([job("dies"), job("fails"), { type: "double", module }])]);
  const dies = await it.queue.submit({ type: "dies", attempts: 2, backoff: { type: "fixed", delayMs: 0 } });
  expect(await it.queue.wait(dies.id)).toMatchObject({ status: "dead_letter", error: { code: "JOB_FAILED" } });
  const fails = await it.queue.submit({ type: "fails", attempts: 2 });
  expect(await it.queue.wait(fails.id)).toMatchObject({ status: "failed", error: { message: "no way" } });
  const next = await it.queue.submit({ type: "double", payload: 1 });
  expect((await it.queue.wait(next.id)).result).toBe(2);
});

test("an export that is not there fails for good", async () => {
  await using it = await poolOf([new ThreadWorker([job("absent")])]);
  const { id } = await it.queue.submit({ type: "absent", attempts: 3 });
  expect(await it.queue.wait(id)).toMatchObject({ status: "failed", attempts: 1 });
});

test("a job that keeps its thread busy for longer than its lease neither stalls nor runs twice", async () => {
  await using it = await poolOf([new ThreadWorker([job("busy")])], { leaseMs: 1000, soleProcess: false });
  const { id } = await it.queue.submit({ type: "busy", payload: 3000 });
  expect(await it.queue.wait(id)).toMatchObject({ status: "completed", attempts: 1, result: "done" });
  expect(it.pool.counts.stalled).toBe(0);
});

test("a job that blocks the whole process for longer than its lease neither stalls nor runs twice", async () => {
  let runs = 0;
  const worker = new FunctionWorker([
    {
      type: "block",
      run: async () => {
        runs += 1;
        await delay(50);
        const end = Date.now() + 2500;
        while (Date.now() < end);
        return runs;
      },
    },
  ]);
  await using it = await poolOf([worker], { leaseMs: 1000, soleProcess: false });
  // What another process would do as soon as this one breathes again.
  await using other = new KvJobQueue(it.store);
  const { id } = await it.queue.submit({ type: "block" });
  const done = it.queue.wait(id);
  await until(() => runs === 1);
  await until(async () => {
    await other.maintain();
    return (await other.get(id))?.status !== "running";
  });
  expect(await done).toMatchObject({ status: "completed", attempts: 1, result: 1 });
});

test("modules that are no URL and no absolute path are refused", () => {
  expect(() => new ThreadWorker([{ type: "a", module: "./a.mjs" }])).toThrow(
    expect.objectContaining({ code: "INVALID_PARAMS" }),
  );
});
