import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { WasmPluginHandler } from "../src/index.js";
import { Bench, call, failure } from "./support.js";

describe("a hostile plugin", () => {
  const bench = new Bench();
  let hostile: WasmPluginHandler;
  beforeAll(async () => {
    hostile = await bench.fixture("hostile");
  });
  afterAll(() => bench[Symbol.asyncDispose]());

  /** Whatever happened, the next call is answered. */
  async function answersAgain(): Promise<void> {
    expect(await call(hostile, "hostile.echo", { again: true })).toEqual({ again: true });
  }

  test.each([
    ["loop", "PLUGIN_TIMEOUT"],
    ["loopCatching", "PLUGIN_TIMEOUT"],
    ["loopAsync", "PLUGIN_TIMEOUT"],
    ["loopHostCalls", "PLUGIN_TIMEOUT"],
    ["backtrack", "PLUGIN_TIMEOUT"],
    ["recurse", "PLUGIN_TRAP"],
    ["throw", "PLUGIN_TRAP"],
    ["throwText", "PLUGIN_TRAP"],
    ["throwCode", "TEAPOT"],
    ["reject", "PLUGIN_TRAP"],
    ["never", "PLUGIN_TRAP"],
    ["returnFunction", "PLUGIN_INVALID_RESPONSE"],
    ["returnBigInt", "PLUGIN_INVALID_RESPONSE"],
    ["returnCycle", "PLUGIN_INVALID_RESPONSE"],
    ["returnHuge", expect.stringMatching(/PLUGIN_INVALID_RESPONSE|PLUGIN_OUT_OF_MEMORY/)],
    ["returnDeep", "PLUGIN_INVALID_RESPONSE"],
    ["blob", "PERMISSION_DENIED"],
    ["random", "PERMISSION_DENIED"],
    ["fetch", "PLUGIN_TRAP"],
    ["missing", "METHOD_NOT_FOUND"],
  ])("%s ends in one code, and the next call is answered", async (method, code) => {
    expect((await failure(call(hostile, `hostile.${method}`))).code).toEqual(code);
    await answersAgain();
  });

  // Filling the memory takes its time on a busy machine.
  test.each(["allocate", "allocateSmall"])(
    "%s is PLUGIN_OUT_OF_MEMORY, and the next call is answered",
    async (method) => {
      const patient = await bench.fixture("hostile", { execution_timeout_ms: 120_000 });
      expect((await failure(call(patient, `hostile.${method}`))).code).toBe("PLUGIN_OUT_OF_MEMORY");
      expect(await call(patient, "hostile.echo", 1)).toBe(1);
    },
  );

  test("an error carries the guest's message and details, and its stack goes to the log in TypeScript positions", async () => {
    const coded = await failure(call(hostile, "hostile.throwCode"));
    expect(coded).toMatchObject({ message: "short and stout", details: { short: true, stout: true } });
    bench.logs.length = 0;
    const broken = await failure(call(hostile, "hostile.throw"));
    expect(broken.message).toContain("Error: I am broken");
    expect(broken.message).not.toContain("plugin.ts");
    // The source map is read elsewhere, and the answer does not wait for it.
    const logged = () => bench.logs.find(({ fields }) => fields?.method === "hostile.throw");
    while (!logged()) await delay(1);
    const line = logged();
    expect(line?.fields).toMatchObject({ method: "hostile.throw", code: "PLUGIN_TRAP" });
    expect(line?.fields?.stack).toMatch(/src\/plugin\.ts:\d+:\d+/);
  });

  test("a long error of its own is cut", async () => {
    const long = await failure(call(hostile, "hostile.throwLong"));
    expect(long.code).toBe("LONG");
    expect(long.message).toHaveLength(4096);
    expect(JSON.stringify(long.details).length).toBeLessThan(100);
  });

  test.each([
    ["put", { key: "neighbour:x", value: "1" }],
    ["put", { key: "hostil", value: "1" }],
    ["get", { key: "__sys:plugin:hostile" }],
    ["transact", { key: "other:x" }],
    ["scan", { prefix: "" }],
    ["scan", { prefix: "hostile" }],
    ["scan", { prefix: "h" }],
  ])("%s of %j is outside its namespace", async (method, params) => {
    const denied = await failure(call(hostile, `hostile.${method}`, params));
    expect(denied.code).toBe("KV_NAMESPACE_DENIED");
    expect(denied.message).toContain("hostile:");
    expect(denied.details).toMatchObject({ allowed: ["hostile:"] });
    expect((await bench.store.kv.scan({ prefix: "" })).entries).toEqual([]);
  });

  test("a denial is reported to the node", async () => {
    // Reports come by message, which answers may overtake.
    await delay(50);
    bench.denied.length = 0;
    await failure(call(hostile, "hostile.put", { key: "x:y", value: "" }));
    await failure(call(hostile, "hostile.blob"));
    while (bench.denied.length < 2) await delay(1);
    expect(bench.denied).toEqual(["kv_put KV_NAMESPACE_DENIED", "blob_put PERMISSION_DENIED"]);
  });

  test("bytes in a result travel as base64", async () => {
    expect(await call(hostile, "hostile.returnBytes")).toEqual({ base64: "AP+A" });
  });

  test("a call that logs without end is cut off with one warning", async () => {
    bench.logs.length = 0;
    expect(await call(hostile, "hostile.logs")).toBe("done");
    await answersAgain();
    while (bench.logs.length < 1001) await delay(1);
    expect(bench.logs).toHaveLength(1001);
    expect(bench.logs.at(-1)?.message).toContain("more than 1000 log records");
  });

  test("its state in memory lasts until it is stopped, and is fresh afterwards", async () => {
    const before = (await call(hostile, "hostile.remember")) as number;
    expect(await call(hostile, "hostile.remember")).toBe(before + 1);
    await failure(call(hostile, "hostile.loop"));
    expect(await call(hostile, "hostile.remember")).toBe(1);
  });

  test("a caller that gives up stops the call and hears so", async () => {
    const controller = new AbortController();
    const looping = failure(call(hostile, "hostile.loop", null, controller.signal));
    setTimeout(() => controller.abort(), 50);
    expect((await looping).code).toBe("CANCELLED");
    await answersAgain();
  });

  test("a neighbour under load loses no call while it misbehaves", async () => {
    const neighbour = await bench.fixture("neighbour");
    let stop = false;
    let calls = 0;
    let lost: unknown = null;
    const load = async () => {
      while (!stop) {
        expect(await call(neighbour, "neighbour.add", { a: calls, b: 1 })).toBe(calls + 1);
        calls += 1;
      }
    };
    const running = load().catch((error: unknown) => {
      lost = error;
    });
    for (const method of ["loop", "allocate", "recurse", "throw", "never", "returnCycle", "backtrack"]) {
      const before = calls;
      await failure(call(hostile, `hostile.${method}`));
      // However slow the machine is, the neighbour goes on.
      while (calls === before && lost === null) await delay(1);
    }
    stop = true;
    await running;
    expect(lost).toBeNull();
  });
});

test("with isolation per call nothing is remembered", async () => {
  await using bench = new Bench();
  const hostile = await bench.fixture("hostile", { isolation: "call" });
  expect(await call(hostile, "hostile.remember")).toBe(1);
  expect(await call(hostile, "hostile.remember")).toBe(1);
});

test("random numbers differ between instances", async () => {
  await using bench = new Bench();
  const hostile = await bench.fixture("hostile", { isolation: "call" });
  const numbers = new Set<unknown>();
  for (let i = 0; i < 10; i++) numbers.add(await call(hostile, "hostile.mathRandom"));
  expect(numbers.size).toBe(10);
});
