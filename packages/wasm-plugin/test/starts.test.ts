import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type AspenError, decodeUtf8, encodeUtf8, parseManifest } from "@aspen/plugin-api";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { describe, expect, test } from "@jest/globals";
import { RAW_MANIFEST, rawPlugin } from "./raw-plugin.js";
import { artifactOf, Bench, call, failure, type LogLine } from "./support.js";

const isStartFailure = ({ message }: LogLine) => message.includes("another instance could not be started");

describe("a start is bounded", () => {
  test("a plugin_init that loops is stopped", async () => {
    await using bench = new Bench();
    await bench.store.kv.put("starter:init", encodeUtf8("loop"));
    const error = await failure(bench.fixture("starter", { execution_timeout_ms: 300 }));
    expect(error.code).toBe("PLUGIN_TIMEOUT");
  });

  test.each([
    ["plugin_init", '(func (export "plugin_init") (result i32) (loop $l (br $l)) (unreachable))', ""],
    ["plugin_info", "", "(loop $l (br $l))"],
    ["the module's start function", "(func $begin (loop $l (br $l))) (start $begin)", ""],
  ])("%s that loops without polling is stopped", async (_what, fields, info) => {
    await using bench = new Bench();
    const error = await failure(bench.load(RAW_MANIFEST, rawPlugin("(call $answer)", { fields, info })));
    expect(error.code).toBe("PLUGIN_TIMEOUT");
  });

  test("plugin_info and plugin_init have one limit together", async () => {
    await using bench = new Bench();
    const wasm = rawPlugin("(call $answer)", {
      info: "(call $spin (i64.const 450))",
      fields: '(func (export "plugin_init") (result i32) (call $spin (i64.const 450)) (call $answer))',
    });
    const error = await failure(bench.load({ ...RAW_MANIFEST, execution_timeout_ms: 500 }, wasm));
    expect(error.code).toBe("PLUGIN_TIMEOUT");
    const raw = await bench.load({ ...RAW_MANIFEST, execution_timeout_ms: 30_000 }, wasm);
    expect(await call(raw, "raw.call")).toMatchObject({ name: "raw" });
  });

  test.each([
    ["plugin_info", "(loop $l (br $l))", ""],
    ["plugin_init", "", '(func (export "plugin_init") (result i32) (loop $l (br $l)) (unreachable))'],
  ])("one that is in %s is given up when its signal aborts, and its worker is ended", async (_what, info, fields) => {
    await using bench = new Bench({ spareWorkers: 0 });
    const manifest = parseManifest({ ...RAW_MANIFEST, execution_timeout_ms: 300_000 });
    const artifact = artifactOf(manifest, rawPlugin("(call $answer)", { info, fields }));
    const reason = new Error("no longer wanted");
    for (const afterMs of [0, 20, 300]) {
      const controller = new AbortController();
      const start = bench.runtime.start(artifact, bench.host(manifest), controller.signal);
      setTimeout(() => controller.abort(reason), afterMs);
      await expect(start).rejects.toBe(reason);
    }
    await expect(bench.runtime.start(artifact, bench.host(manifest), AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  test("a health check is given up when its signal aborts, and the plugin goes on", async () => {
    await using bench = new Bench();
    const health = '(func (export "plugin_health") (result i32) (call $spin (i64.const 200)) (call $answer))';
    const raw = await bench.load(
      { ...RAW_MANIFEST, execution_timeout_ms: 5000 },
      rawPlugin("(call $answer)", { fields: health }),
    );
    expect(await raw.instance.health({ caller: LOCAL_CALLER, signal: AbortSignal.timeout(20) })).toMatchObject({
      state: "degraded",
    });
    expect(await call(raw, "raw.call")).toMatchObject({ name: "raw" });
  });

  test("a worker that does not boot in time is given up", async () => {
    await using bench = new Bench({ spareWorkers: 0, startTimeoutMs: 1 });
    const error = await failure(bench.fixture("starter"));
    expect(error).toMatchObject({
      code: "PLUGIN_UNAVAILABLE",
      message: expect.stringContaining("did not boot in 1 ms"),
    });
  });
});

describe("a fresh instance that cannot be started", () => {
  test("after a call that was stopped: the next call hears why, one after that is answered", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter", { execution_timeout_ms: 1500 });
    for (const [mode, code] of [
      ["loop", "PLUGIN_TIMEOUT"],
      ["throw", "PLUGIN_TRAP"],
    ] as const) {
      await bench.store.kv.put("starter:init", encodeUtf8(mode));
      expect((await failure(call(starter, "starter.loop"))).code).toBe("PLUGIN_TIMEOUT");
      expect((await failure(call(starter, "starter.echo", 1))).code).toBe(code);
      await bench.store.kv.delete("starter:init");
      // On a busy machine that call may have been given up before its start was; whoever calls meanwhile hears the same.
      const answer = () => call(starter, "starter.echo", 1).catch((error: AspenError) => error.code);
      let answered = await answer();
      while (answered === code) answered = await answer();
      expect(answered).toBe(1);
    }
  });

  test("a start that a call waits for is given up with it", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter", { isolation: "call", execution_timeout_ms: 60_000 });
    const starts = async (count: number) => {
      const seen = async () => decodeUtf8((await bench.store.kv.get("starter:inits"))?.value ?? encodeUtf8("0"));
      while (Number(await seen()) < count) await delay(1);
    };
    await bench.store.kv.put("starter:init", encodeUtf8("throw"));
    await call(starter, "starter.echo", 1);
    await starts(1);
    // Once for the call, once more ahead of the next; then the worker sleeps without an instance.
    expect((await failure(call(starter, "starter.echo", 2))).code).toBe("PLUGIN_TRAP");
    await starts(3);
    await bench.store.kv.put("starter:init", encodeUtf8("loop"));
    const controller = new AbortController();
    const waiting = failure(call(starter, "starter.echo", 3, controller.signal));
    await starts(4);
    await bench.store.kv.delete("starter:init");
    controller.abort();
    expect((await waiting).code).toBe("CANCELLED");
    expect(await call(starter, "starter.echo", 4)).toBe(4);
  });

  test("beside one that serves: it is logged, with more and more time between the tries, and calls are answered", async () => {
    await using bench = new Bench();
    const starter = await bench.fixture("starter", { max_instances: 2 });
    await bench.store.kv.put("starter:init", encodeUtf8("throw"));
    let stop = false;
    const load = async () => {
      while (!stop) expect(await call(starter, "starter.busy", { ms: 10 })).toBe(10);
    };
    const running = Promise.all([load(), load(), load()]);
    while (bench.logs.filter(isStartFailure).length < 3) await call(starter, "starter.busy", { ms: 10 });
    stop = true;
    await running;
    const lines = bench.logs.filter(isStartFailure);
    expect(lines[0]).toMatchObject({ level: "error", message: expect.stringContaining("no start today") });
    expect(lines.map(({ fields }) => fields)).toEqual(
      [100, 200, 400, 800, 1600].slice(0, lines.length).map((retryMs) => ({
        code: "PLUGIN_TRAP",
        retryMs,
        stack: expect.stringMatching(/src\/plugin\.ts:\d+/),
      })),
    );
  });

  test("in the place of one that was ended: calls hear why, without a start for each, until it works again", async () => {
    await using bench = new Bench();
    const prefixes = { kv_prefixes: ["raw:"], permissions: ["kv:read"] };
    // It traps in its start while the store has a value, and loops in a call once it has none.
    const raw = await bench.load(
      { ...RAW_MANIFEST, ...prefixes },
      rawPlugin("(if (call $exists) (then (loop $l (br $l)))) (call $answer)", {
        fields: '(func (export "plugin_init") (result i32) (if (call $exists) (then unreachable)) (call $answer))',
      }),
    );
    await bench.store.kv.put("raw:x", Uint8Array.of(1));
    expect((await failure(call(raw, "raw.call"))).code).toBe("PLUGIN_TIMEOUT");
    const codes = await Promise.all(
      Array.from({ length: 200 }, async () => (await failure(call(raw, "raw.call"))).code),
    );
    expect(new Set(codes)).toEqual(new Set(["PLUGIN_TRAP"]));
    expect(bench.logs.filter(isStartFailure)).toHaveLength(1);
    for (let i = 0; i < 50; i++) expect((await failure(call(raw, "raw.call"))).code).toBe("PLUGIN_TRAP");
    expect(bench.logs.filter(isStartFailure).length).toBeLessThan(10);
    await bench.store.kv.delete("raw:x");
    let answer: unknown = null;
    while (answer === null) answer = await call(raw, "raw.call").catch(() => null);
    expect(answer).toMatchObject({ name: "raw" });
  });
});

test("spare workers that fail to boot end no process; plugins hear of it", async () => {
  const script = fileURLToPath(new URL("./processes/spare-boot.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 60_000 });
  expect(JSON.parse(stdout)).toEqual({ code: "PLUGIN_UNAVAILABLE", disposed: true });
});
