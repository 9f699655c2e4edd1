import { setTimeout as delay } from "node:timers/promises";
import { KvJobQueue, WorkerPool, type WorkerPoolOptions } from "@aspen/jobs";
import type { Logger } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";
import { WasmPluginRuntime } from "../src/index.js";
import { WasmWorker, type WasmWorkerOptions } from "../src/jobs/wasm-worker.js";
import { FOREVER, jobModule, logged } from "./job-modules.js";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A pool whose only worker is that of `wasm`, without plugins. */
async function bench(options: WasmWorkerOptions = {}, pool: WorkerPoolOptions = {}) {
  const store = new MemoryStore();
  const queue = new KvJobQueue(store);
  const runtime = new WasmPluginRuntime({ spareWorkers: 0 });
  const plugins = { call: () => Promise.reject(new Error("there are no plugins here")) };
  const workers = new WorkerPool(
    { queue, blobs: store.blobs, logger: silent },
    { pollMs: 50, maintainMs: 20, graceMs: 50, pressure: false, soleProcess: true, ...pool },
  );
  workers.add(new WasmWorker({ runtime, plugins, logger: silent }, options));
  await workers.start();
  const submit = (payload: object, more: object = {}) => queue.submit({ type: "wasm", payload, ...more });
  return {
    ...{ store, queue, runtime, workers, submit },
    async run(wasm: Uint8Array, payload: object = {}, more: object = {}) {
      const { id } = await submit({ module: await store.blobs.put(wasm), ...payload }, more);
      return queue.wait(id);
    },
    async begin(wasm: Uint8Array, more: object = {}) {
      const { id } = await submit({ module: await store.blobs.put(wasm) }, more);
      while ((await queue.logs(id)).lines.length === 0) await delay(10);
      return id;
    },
    async [Symbol.asyncDispose]() {
      await workers[Symbol.asyncDispose]();
      await runtime[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

const begun = logged({ level: "info", message: "begun", fields: { progress: 40, at: "loop" } });
const stubborn = jobModule(`${begun.say} ${FOREVER}`, begun);

test("a module gets its input and gives its output, as JSON, as text and as bytes", async () => {
  await using it = await bench();
  const echo = jobModule("(call $echo)");
  expect(await it.run(echo, { input: { a: [1, "ü"] } })).toMatchObject({
    status: "completed",
    result: { a: [1, "ü"] },
  });
  expect((await it.run(echo, { input: "plain ü", format: "text" })).result).toBe("plain ü");
  expect((await it.run(echo, { input: "/wD+", format: "base64" })).result).toBe("/wD+");
  const large = "x".repeat(100_000);
  expect(
    (await it.run(jobModule("(call $echo)", { fields: "(func (drop (memory.grow (i32.const 9))))" }))).error,
  ).toMatchObject({ code: "PLUGIN_INVALID_RESPONSE" });
  const roomy = jobModule("(drop (memory.grow (i32.const 9))) (call $echo)");
  expect((await it.run(roomy, { input: large })).result).toBe(large);
});

test("every job has a fresh instance, and jobs run beside each other", async () => {
  await using it = await bench({}, { concurrency: 20 });
  const fields = "(global $n (mut i32) (i32.const 48))";
  const counts = jobModule(
    `(global.set $n (i32.add (global.get $n) (i32.const 1)))
     (i32.store8 (i32.const 0) (global.get $n))
     (call $output (call $store (i32.const 0) (i32.const 1)) (i64.const 1))
     (i32.const 0)`,
    { fields },
  );
  const done = await Promise.all(Array.from({ length: 40 }, () => it.run(counts)));
  expect(done.map(({ result }) => result)).toEqual(Array.from({ length: 40 }, () => 1));
});

test("what a module logs is kept with its own job, and says how far it is", async () => {
  await using it = await bench({}, { concurrency: 10 });
  const lines = [1, 2].map((n) => logged({ level: "warn", message: `line ${n}`, fields: { n } }, 64 * n * 4));
  const far = logged({ level: "info", message: "half", fields: { progress: 50 } }, 1024);
  const talks = jobModule(`${[...lines, far].map(({ say }) => say).join("")} (call $echo)`, {
    fields: [...lines, far].map(({ fields }) => fields).join(""),
  });
  const jobs = await Promise.all(Array.from({ length: 10 }, (_, n) => it.run(talks, { input: n })));
  for (const [n, job] of jobs.entries()) {
    expect(job).toMatchObject({ result: n, progress: { percent: 50, message: "half" } });
    expect((await it.queue.logs(job.id)).lines).toMatchObject([
      { level: "warn", message: "line 1", fields: { n: 1 } },
      { level: "warn", message: "line 2", fields: { n: 2 } },
      { level: "info", message: "half" },
    ]);
  }
});

test("a module that never ends and never polls is ended by a cancel, and its thread with it", async () => {
  await using it = await bench({}, { concurrency: 1 });
  const id = await it.begin(stubborn);
  const cancelled = performance.now();
  await it.queue.cancel(id);
  expect(await it.queue.wait(id)).toMatchObject({ status: "cancelled", progress: { percent: 40, message: "begun" } });
  // The only slot is free when nothing of the job runs any more.
  expect((await it.run(jobModule("(call $echo)"), { input: 1 })).result).toBe(1);
  expect(performance.now() - cancelled).toBeLessThan(10_000);
  while (it.workers.running > 0) await delay(5);
  const before = process.cpuUsage();
  await delay(300);
  const { user } = process.cpuUsage(before);
  expect(user).toBeLessThan(200_000);
});

test("one over its time is JOB_TIMEOUT, also when it hangs in its start; the same module runs on for others", async () => {
  await using it = await bench({}, { concurrency: 4 });
  const timed = await it.run(stubborn, {}, { timeoutMs: 300 });
  expect(timed).toMatchObject({ status: "failed", error: { code: "JOB_TIMEOUT" } });
  const hangs = jobModule("(call $echo)", { fields: "(func $hang (loop $l (br $l))) (start $hang)" });
  expect(await it.run(hangs, {}, { timeoutMs: 500 })).toMatchObject({ error: { code: "JOB_TIMEOUT" } });
  const twice = await Promise.all([it.run(stubborn, {}, { timeoutMs: 200 }), it.run(stubborn, {}, { timeoutMs: 400 })]);
  expect(twice.map(({ error }) => error?.code)).toEqual(["JOB_TIMEOUT", "JOB_TIMEOUT"]);
});

test("memory ends at the limit of the job, and a job's limit at that of the node", async () => {
  await using it = await bench({ maxMemoryBytes: 1024 * 1024 });
  const greedy = jobModule(
    `(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable`,
  );
  expect(await it.run(greedy, { memoryLimit: 512 * 1024 })).toMatchObject({
    status: "failed",
    error: { code: "PLUGIN_OUT_OF_MEMORY" },
  });
  expect(await it.run(greedy, { memoryLimit: 65_536 })).toMatchObject({
    error: { code: "WASM_INVALID", permanent: true },
  });
  expect(await it.run(greedy, {}, { attempts: 3 })).toMatchObject({
    attempts: 1,
    error: { code: "INVALID_PARAMS", message: expect.stringContaining("maxMemoryBytes") as unknown },
  });
});

test("what cannot be a module, and what is not there, fails for good and says why", async () => {
  await using it = await bench();
  const imports = '(import "extism:host/user" "kv_get" (func $kv_get (param i64) (result i64)))';
  const reads = jobModule("(drop (call $kv_get (i64.const 0))) (i32.const 0)", { imports });
  const refused = await it.run(reads, { memoryLimit: 1024 * 1024 }, { attempts: 3 });
  expect(refused).toMatchObject({ status: "failed", attempts: 1, error: { code: "WASM_INVALID" } });
  expect(refused.error?.message).toContain("kv_get");
  expect((await it.run(Buffer.from("no wasm"))).error?.code).toBe("WASM_INVALID");
  expect((await it.run(jobModule("(call $echo)"), { export: "other" })).error?.message).toContain(
    "lacks the export other",
  );
  const absent = await it.submit({ module: "0".repeat(64) }, { attempts: 3 });
  expect(await it.queue.wait(absent.id)).toMatchObject({ attempts: 1, error: { code: "BLOB_NOT_FOUND" } });
});

test("a trap, a text and an error of its own reach the job; attempts are taken", async () => {
  await using it = await bench();
  const trap = await it.run(jobModule("unreachable"), {}, { attempts: 2, backoff: { type: "fixed", delayMs: 0 } });
  expect(trap).toMatchObject({ status: "dead_letter", attempts: 2, error: { code: "PLUGIN_TRAP" } });
  const own = '{"code":"NO_LUCK","message":"not today"}';
  const fields = `(data (i32.const 64) "${own.replaceAll('"', "\\22")}")`;
  const fails = jobModule(`(call $error (call $store (i32.const 64) (i32.const ${own.length}))) (i32.const 1)`, {
    fields,
  });
  expect((await it.run(fails)).error).toMatchObject({ code: "NO_LUCK", message: "not today" });
  expect((await it.run(jobModule("(i32.const 7)"))).error?.message).toContain("returned 7");
});

test("payloads that are none of the two are refused where they are submitted", async () => {
  await using it = await bench();
  const bad = [{}, { module: "xyz" }, { module: "0".repeat(64), method: "a.b" }, { module: "0".repeat(64), more: 1 }];
  const texts = [
    { module: "0".repeat(64), format: "text", input: 3 },
    { module: "0".repeat(64), format: "base64", input: "???" },
    { module: "0".repeat(64), memoryLimit: 1 },
  ];
  for (const payload of [...bad, ...texts]) {
    await expect(it.workers.checkPayload("wasm", payload)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  }
});

test("modules without a job are closed: the oldest over the number, and each after its time", async () => {
  await using it = await bench({ idleModules: 1, idleMs: 100 });
  const threads = () => process.getActiveResourcesInfo().filter((kind) => kind === "MessagePort").length;
  const before = threads();
  for (const n of [1, 2, 3]) await it.run(jobModule(`(drop (i32.const ${n})) (call $echo)`), { input: n });
  while (threads() > before) await delay(20);
  expect((await it.run(jobModule("(call $echo)"), { input: 4 })).result).toBe(4);
});
