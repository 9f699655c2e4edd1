import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import type { WasmPluginHandler } from "../src/index.js";
import { RAW_MANIFEST, rawPlugin } from "./raw-plugin.js";
import { Bench, call, failure } from "./support.js";

/** So many short calls that the pool sends others ahead. */
async function warmUp(handler: WasmPluginHandler): Promise<void> {
  for (let i = 0; i < 200; i++) await call(handler, "starter.echo", i);
}

/** The names of the calls in the order in which they were answered. */
async function order(calls: Record<string, Promise<unknown>>): Promise<string[]> {
  const ended: string[] = [];
  await Promise.all(Object.entries(calls).map(([name, it]) => it.then(() => ended.push(name))));
  return ended;
}

describe("a quick call that was sent ahead behind a slow one", () => {
  test("goes to an instance that is idle", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter", { max_instances: 2 });
    // Two calls at once that take long make the pool start its second instance.
    await Promise.all([1, 2, 3].map(() => call(starter, "starter.busy", { ms: 200 })));
    await Promise.all(Array.from({ length: 400 }, (_, i) => call(starter, "starter.echo", i)));
    const quick = Array.from({ length: 20 }, (_, i) => `quick ${i}`);
    const ended = await order({
      slow: call(starter, "starter.busy", { ms: 1500 }),
      ...Object.fromEntries(quick.map((name) => [name, call(starter, "starter.echo", name)])),
    });
    expect(ended.at(-1)).toBe("slow");
    expect(ended).toHaveLength(21);
  });

  test("goes to an instance that is started for it, also when it is too large for shared memory", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter", { max_instances: 2 });
    await warmUp(starter);
    const ended = await order({
      slow: call(starter, "starter.busy", { ms: 2500 }),
      large: call(starter, "starter.echo", "x".repeat(100_000)),
      small: call(starter, "starter.echo", 1),
    });
    expect(ended.at(-1)).toBe("slow");
    // Inputs that were posted to the first instance are not taken for those of later calls.
    const texts = ["a", "b", "c", "d"].map((letter) => letter.repeat(50_000));
    expect(await Promise.all(texts.map((text) => call(starter, "starter.echo", text)))).toEqual(texts);
  });

  test("may come back to the instance that it was taken from, also when it is large", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter", { max_instances: 2 });
    await Promise.all([1, 2, 3].map(() => call(starter, "starter.busy", { ms: 200 })));
    await Promise.all(Array.from({ length: 400 }, (_, i) => call(starter, "starter.echo", i)));
    const text = "x".repeat(100_000);
    // The large call is sent behind the first, taken back as both take long, and sent there again.
    const ended = await order({
      first: call(starter, "starter.busy", { ms: 300 }),
      second: call(starter, "starter.busy", { ms: 1500 }),
      large: call(starter, "starter.echo", text).then((answer) => expect(answer).toBe(text)),
    });
    expect(ended).toEqual(["first", "large", "second"]);
  });

  test("waits when there may be no other, and what had ended before is answered at once", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter");
    await warmUp(starter);
    const ended = await order({
      before: call(starter, "starter.echo", 1),
      slow: call(starter, "starter.busy", { ms: 300 }),
      after: call(starter, "starter.echo", 2),
    });
    expect(ended).toEqual(["before", "slow", "after"]);
    // The slow call holds back no answer: it never ends by itself.
    const controller = new AbortController();
    const early = call(starter, "starter.echo", 1);
    const endless = failure(call(starter, "starter.loop", null, controller.signal));
    expect(await early).toBe(1);
    controller.abort();
    expect((await endless).code).toBe("CANCELLED");
  });

  test("runs exactly once, wherever it goes", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter", { max_instances: 3 });
    await warmUp(starter);
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    // One in sixteen is longer than what may be sent ahead, so that those behind it move.
    const runs = async (round: number) => {
      const calls = Array.from({ length: 300 }, (_, i) =>
        call(starter, "starter.mark", { key: `${round}-${i}`, ms: random(16) === 0 ? 3 + random(4) : 0 }),
      );
      return Promise.all(calls);
    };
    for (let round = 0; round < 4; round++) expect(await runs(round)).toEqual(Array(300).fill(true));
    const { entries } = await bench.store.kv.scan({ prefix: "starter:mark:", keysOnly: true, limit: 5000 });
    expect(entries).toHaveLength(1200);
  });
});

test("3000 calls of every kind, some given up, end as they should", async () => {
  const script = fileURLToPath(new URL("./soak/scheduling.soak.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, "--calls", "3000"], { timeout: 60_000 });
  expect(stdout).toContain("0 wrong");
});

test("a call that ends about when it would be terminated is answered or told so, and takes no other with it", async () => {
  await using bench = new Bench();
  const prefixes = { kv_prefixes: ["raw:"], permissions: ["kv:read"] };
  // It does not poll: 220 ms are its limit and the grace after it.
  const wasm = rawPlugin("(if (call $exists) (then (call $spin (i64.const 220)))) (call $answer)");
  const raw = await bench.load({ ...RAW_MANIFEST, ...prefixes }, wasm);
  for (let round = 0; round < 4; round++) {
    await bench.store.kv.delete("raw:x");
    for (let i = 0; i < 100; i++) await call(raw, "raw.call");
    await bench.store.kv.put("raw:x", Uint8Array.of(1));
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => call(raw, "raw.call")));
    for (const outcome of outcomes)
      if (outcome.status === "rejected") expect(outcome.reason.code).toBe("PLUGIN_TIMEOUT");
  }
});

test.each([1, 3])("a call that is given up before it begins never runs, with at most %d instances", async (most) => {
  await using bench = new Bench();
  const starter = await bench.fixture("starter", { max_instances: most });
  await warmUp(starter);
  const busy = Array.from({ length: most }, () => call(starter, "starter.busy", { ms: 400 }));
  await delay(most === 1 ? 0 : 50);
  const controller = new AbortController();
  const given = Array.from({ length: 200 }, (_, i) =>
    failure(call(starter, "starter.mark", { key: `${i}`, ms: 0 }, controller.signal)),
  );
  const kept = call(starter, "starter.mark", { key: "kept", ms: 0 });
  // Some have been sent ahead to a worker that is busy, the others are in the queue.
  controller.abort();
  expect((await Promise.all(given)).map(({ code }) => code)).toEqual(Array(200).fill("CANCELLED"));
  await Promise.all(busy);
  expect(await kept).toBe(true);
  const { entries } = await bench.store.kv.scan({ prefix: "starter:mark:" });
  expect(entries.map(({ key }) => key)).toEqual(["starter:mark:kept"]);
});

test("requests beyond the bytes that may wait are refused, until those that wait have ended", async () => {
  await using bench = new Bench({ maxQueuedBytes: 100_000 });
  const starter = await bench.fixture("starter");
  const text = "ż".repeat(30_000);
  const busy = call(starter, "starter.busy", { ms: 300 });
  const kept = call(starter, "starter.echo", text);
  const refused = await failure(call(starter, "starter.echo", text));
  expect(refused.code).toBe("PLUGIN_UNAVAILABLE");
  expect(refused.message).toMatch(/\d+ bytes of 100000/);
  const small = call(starter, "starter.echo", 1);
  await Promise.all([busy, kept, small]);
  // One alone is never too much.
  const alone = "x".repeat(1_000_000);
  expect(await call(starter, "starter.echo", alone)).toBe(alone);
  expect(await call(starter, "starter.echo", text)).toBe(text);
});

test("requests that are given up in the queue make room", async () => {
  await using bench = new Bench({ maxQueuedBytes: 100_000 });
  const starter = await bench.fixture("starter");
  const busy = [1, 2].map(() => call(starter, "starter.busy", { ms: 200 }));
  const controller = new AbortController();
  const text = "x".repeat(60_000);
  const given = failure(call(starter, "starter.echo", text, controller.signal));
  expect((await failure(call(starter, "starter.echo", text))).code).toBe("PLUGIN_UNAVAILABLE");
  controller.abort();
  await given;
  const kept = call(starter, "starter.echo", text);
  await Promise.all(busy);
  expect(await kept).toBe(text);
});

describe("what a call may say beside its answer", () => {
  test("log records are bounded in bytes, with one warning", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter");
    const characters = 4000;
    expect(await call(starter, "starter.logs", { count: 1000, characters })).toBe(1000);
    await call(starter, "starter.logs", { count: 1, characters: 1 });
    while (bench.logs.at(-1)?.message !== "x") await delay(1);
    const full = bench.logs.filter(({ level }) => level === "info").length - 1;
    expect(full).toBeGreaterThan(200);
    expect(full).toBeLessThanOrEqual((1024 * 1024) / characters);
    expect(bench.logs.filter(({ level }) => level === "warn").map(({ message }) => message)).toEqual([
      expect.stringContaining("1048576 bytes"),
    ]);
  });

  test("denials are all refused, but few are reported, with their keys cut", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter", { execution_timeout_ms: 60_000 });
    await call(starter, "starter.denied", { count: 5000 });
    await call(starter, "starter.logs", { count: 1, characters: 1 });
    while (bench.logs.length === 0) await delay(1);
    expect(bench.denied.length).toBeGreaterThanOrEqual(100);
    expect(bench.denied.length).toBeLessThan(2500);
    expect(new Set(bench.deniedTargets.map((target) => target?.length))).toEqual(new Set([256]));
  });
});
