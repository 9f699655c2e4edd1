import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { RAW_MANIFEST, rawPlugin } from "./raw-plugin.js";
import { Bench, call, failure } from "./support.js";

/** A signal that tells nobody to hurry. */
const patient = () => new AbortController().signal;

describe("a drain ends", () => {
  test("when calls in the queue, some of them given up, are answered", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter", { max_instances: 2 });
    const controller = new AbortController();
    const kept = Array.from({ length: 20 }, (_, i) => call(starter, "starter.mark", { key: `${i}`, ms: 3 }));
    const given = Array.from({ length: 20 }, () =>
      failure(call(starter, "starter.mark", { key: "never", ms: 3 }, controller.signal)),
    );
    const drained = starter.instance.drain(patient());
    controller.abort();
    await drained;
    expect(await Promise.all(kept)).toEqual(Array(20).fill(true));
    expect((await Promise.all(given)).map(({ code }) => code)).toEqual(Array(20).fill("CANCELLED"));
    expect(await bench.store.kv.get("starter:mark:never")).toBeNull();
  });

  test("when its worker is terminated with calls behind it", async () => {
    await using bench = new Bench();
    const prefixes = { kv_prefixes: ["raw:"], permissions: ["kv:read"] };
    const wasm = rawPlugin("(if (call $exists) (then (loop $l (br $l)))) (call $answer)");
    const raw = await bench.load({ ...RAW_MANIFEST, ...prefixes }, wasm);
    await bench.store.kv.put("raw:x", Uint8Array.of(1));
    const calls = [1, 2, 3].map(() => failure(call(raw, "raw.call")));
    await raw.instance.drain(patient());
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(Array(3).fill("PLUGIN_TIMEOUT"));
  });

  test("when the last calls are given up in the queue", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter");
    const controller = new AbortController();
    const running = failure(call(starter, "starter.loop", null, controller.signal));
    const queued = [1, 2, 3].map(() => failure(call(starter, "starter.echo", 1, controller.signal)));
    const drained = starter.instance.drain(patient());
    controller.abort();
    await Promise.all([drained, running, ...queued]);
    expect((await failure(call(starter, "starter.echo"))).code).toBe("PLUGIN_UNAVAILABLE");
  });

  test("when the plugin is closed meanwhile, which its calls are told", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter");
    const calls = ["starter.loop", "starter.echo", "starter.echo"].map((method) => failure(call(starter, method)));
    const drained = starter.instance.drain(patient());
    await starter[Symbol.asyncDispose]();
    await drained;
    for (const { code, message } of await Promise.all(calls)) {
      expect(code).toBe("PLUGIN_TRAP");
      expect(message).toContain("stopped");
    }
    await starter[Symbol.asyncDispose]();
  });

  test("when its time is over, whatever the plugin does", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter");
    const looping = failure(call(starter, "starter.loop"));
    await starter.instance.drain(AbortSignal.timeout(100));
    expect((await looping).code).toBe("PLUGIN_TRAP");
  });
});

test.each([0, 5, 40, 120])(
  "a runtime that is disposed %d ms after calls and starts began settles all of them",
  async (ms) => {
    const bench = new Bench();
    const starter = await bench.fixture("starter", { max_instances: 3 });
    const calls = Array.from({ length: 30 }, (_, i) => call(starter, "starter.busy", { ms: i % 10 }));
    const loop = failure(call(starter, "starter.loop"));
    const starts = [1, 2, 3].map((n) => bench.fixture("starter", { description: `copy ${n}` }));
    const all = Promise.allSettled([...calls, ...starts]);
    await delay(ms);
    await bench[Symbol.asyncDispose]();
    expect((await loop).code).toBe("PLUGIN_TRAP");
    for (const outcome of await all) {
      if (outcome.status === "rejected") expect(outcome.reason.code).toMatch(/PLUGIN_UNAVAILABLE|PLUGIN_TRAP/);
    }
    expect((await failure(call(starter, "starter.echo"))).code).toBe("PLUGIN_UNAVAILABLE");
  },
);

test("no thread is left after that: the process ends by itself", async () => {
  const script = fileURLToPath(new URL("./processes/disposal.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 60_000 });
  const { before, after, settled } = JSON.parse(stdout);
  expect(settled).toBe(40);
  expect(after).toBe(before);
});
