import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type WasmPluginHandler, WasmPluginRuntime } from "../src/index.js";
import { Bench, call, failure } from "./support.js";

describe("a well-behaved plugin", () => {
  const bench = new Bench();
  let neighbour: WasmPluginHandler;
  beforeAll(async () => {
    // Enough for many host calls on a busy machine.
    neighbour = await bench.fixture("neighbour", { execution_timeout_ms: 30_000 }, { greeting: "hello" });
  });
  afterAll(() => bench[Symbol.asyncDispose]());

  test("uses every operation of the key-value store", async () => {
    expect(await call(neighbour, "neighbour.kv")).toEqual({
      empty: null,
      growing: true,
      read: "one",
      many: [[0, 255], null, []],
      pages: [["__plugin:neighbour:a", "__plugin:neighbour:b"], ["__plugin:neighbour:c"], null],
      lost: "one",
      won: true,
      over: true,
      unknown: "INVALID_PARAMS",
      applied: true,
      refused: { ok: false, failed: 0 },
      deleted: [true, false],
    });
  });

  test("uses blobs", async () => {
    expect(await call(neighbour, "neighbour.blobs")).toEqual({
      hash: "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f",
      text: "hello",
      has: false,
      none: null,
    });
  });

  test("reads clock, configuration and random numbers, and logs", async () => {
    bench.logs.length = 0;
    const before = Date.now();
    const seen = (await call(neighbour, "neighbour.environment")) as Record<string, number & string & object>;
    expect(seen.now).toBeGreaterThanOrEqual(before);
    expect(seen.date).toBeGreaterThanOrEqual(before);
    expect(seen).toMatchObject({ bytes: 16, config: { greeting: "hello" } });
    expect(seen.uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    // Records come by message, which answers may overtake.
    while (bench.logs.length < 2) await delay(1);
    expect(bench.logs).toEqual([
      { level: "info", message: "hello from the guest", fields: { colour: "green" }, requestId: expect.any(String) },
      { level: "warn", message: 'careful {"a":1}', requestId: expect.any(String) },
    ]);
  });

  test.each([
    ["nothing", null],
    ["text that is not ASCII", "żółć 🦔 \u0000 \u2028"],
    ["deep structures", { a: [{ b: [[{ c: null }]] }], d: -0.5e-300 }],
    ["a megabyte", "x".repeat(1024 * 1024)],
  ])("returns %s unchanged", async (_name, value) => {
    expect(await call(neighbour, "neighbour.echo", value)).toEqual(value);
  });

  test("refuses a request over the limit, and answers the next", async () => {
    expect((await failure(call(neighbour, "neighbour.echo", "x".repeat(17 * 1024 * 1024)))).code).toBe(
      "PAYLOAD_TOO_LARGE",
    );
    expect(await call(neighbour, "neighbour.add", { a: 1, b: 2 })).toBe(3);
  });

  test("makes more host calls in one call than Extism has handles", async () => {
    await bench.store.kv.put("__plugin:neighbour:a", Uint8Array.of(1));
    expect(await call(neighbour, "neighbour.manyReads", { count: 40_000 })).toBe(40_000);
  });

  test("a busy plugin gets a second instance, and onInit runs once in each", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => call(neighbour, "neighbour.busy", { ms: 60 })));
    expect(answers).toEqual(Array(8).fill(60));
    expect(await Promise.all(Array.from({ length: 16 }, () => call(neighbour, "neighbour.started")))).toEqual(
      Array(16).fill(1),
    );
    expect(await neighbour.instance.health({ caller: LOCAL_CALLER })).toEqual({ state: "healthy" });
  });

  test("thousands of calls at once are all answered, each with its own answer", async () => {
    const answers = await Promise.all(
      Array.from({ length: 5000 }, (_, index) => call(neighbour, "neighbour.add", { a: index, b: 0 })),
    );
    expect(answers).toEqual(Array.from({ length: 5000 }, (_, index) => index));
  });
});

test("calls beyond the queue's limit are refused", async () => {
  await using bench = new Bench({ maxQueuedCalls: 10 });
  const neighbour = await bench.fixture("neighbour", { max_instances: 1 });
  const calls = Array.from({ length: 200 }, () => call(neighbour, "neighbour.busy", { ms: 2 }));
  const outcomes = await Promise.allSettled(calls);
  const refused = outcomes.filter((outcome) => outcome.status === "rejected");
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.every(({ reason }) => reason.code === "PLUGIN_UNAVAILABLE")).toBe(true);
  expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBeGreaterThanOrEqual(10);
});

test("a drained plugin ends its calls, then refuses", async () => {
  await using bench = new Bench();
  const neighbour = await bench.fixture("neighbour");
  const calls = Array.from({ length: 50 }, () => call(neighbour, "neighbour.busy", { ms: 2 }));
  await neighbour.instance.drain(AbortSignal.timeout(10_000));
  expect(await Promise.all(calls)).toEqual(Array(50).fill(2));
  expect((await failure(call(neighbour, "neighbour.add", { a: 1, b: 1 }))).code).toBe("PLUGIN_UNAVAILABLE");
});

test("100,000 calls in a process of their own: no failure, and it does not grow", async () => {
  const script = fileURLToPath(new URL("./soak/calls.soak.mjs", import.meta.url));
  // A young generation that grows, as that of Node 24 does for 200,000 calls, would be taken for a leak.
  const args = ["--max-semi-space-size=1", script, "--calls", "100000"];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toContain("100000 calls, 0 failed");
});

test("a runtime that is disposed while a plugin starts leaves no worker and says so", async () => {
  const bench = new Bench({ spareWorkers: 0 });
  const starting = failure(bench.fixture("neighbour"));
  await bench[Symbol.asyncDispose]();
  expect((await starting).code).toMatch(/PLUGIN_UNAVAILABLE|PLUGIN_TRAP/);
});

test("workers that are ended while they boot do not take the process with them", async () => {
  const directory = await mkdtemp(join(tmpdir(), "aspen-boot-"));
  await using store = await EmbeddedStore.open({ directory });
  // Booting with a reader loads LMDB's native library; the moments differ so that one meets it.
  for (let wait = 0; wait < 60; wait += 6) {
    const runtime = new WasmPluginRuntime({
      spareWorkers: 3,
      reader: store.workerReader,
    });
    await delay(wait);
    await runtime[Symbol.asyncDispose]();
  }
  await rm(directory, { recursive: true });
});
