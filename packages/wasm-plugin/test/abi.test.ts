import { LOCAL_CALLER } from "@aspen/rpc-core";
import { describe, expect, test } from "@jest/globals";
import { RAW_MANIFEST, rawPlugin } from "./raw-plugin.js";
import { Bench, call, failure } from "./support.js";

const manifest = { ...RAW_MANIFEST, execution_timeout_ms: 10_000 };
const exported = (name: string, body: string) => `(func (export "${name}") (result i32) ${body})`;

describe("an export returns 0, or sets an error", () => {
  test.each([1, -1, 7])("handle_request that returns %d with an output set has trapped", async (status) => {
    await using bench = new Bench();
    const raw = await bench.load(manifest, rawPlugin(`(drop (call $answer)) (i32.const ${status})`));
    const error = await failure(call(raw, "raw.call"));
    expect(error).toMatchObject({ code: "PLUGIN_TRAP", message: expect.stringContaining(`returned ${status}`) });
  });

  test("handle_request that sets an error is answered with it, whatever it returns", async () => {
    await using bench = new Bench();
    const set = "(call $error (call $store (i32.const 520) (i32.const 5)))";
    for (const status of [0, 1]) {
      const raw = await bench.load(manifest, rawPlugin(`(drop (call $answer)) ${set} (i32.const ${status})`));
      expect((await failure(call(raw, "raw.call"))).message).toContain("raw:x");
    }
  });

  test.each(["plugin_init", "plugin_info"])("a plugin whose %s returns 7 does not start", async (name) => {
    await using bench = new Bench();
    const wasm =
      name === "plugin_info"
        ? rawPlugin("(call $answer)", { info: "(drop (call $answer)) (return (i32.const 7))" })
        : rawPlugin("(call $answer)", { fields: exported(name, "(i32.const 7)") });
    const error = await failure(bench.load(manifest, wasm));
    expect(error).toMatchObject({ code: "PLUGIN_TRAP", message: expect.stringContaining(`${name} returned 7`) });
  });

  test("a plugin whose plugin_health returns 3 is degraded", async () => {
    await using bench = new Bench();
    const raw = await bench.load(
      manifest,
      rawPlugin("(call $answer)", { fields: exported("plugin_health", "(i32.const 3)") }),
    );
    expect(await raw.instance.health({ caller: LOCAL_CALLER })).toMatchObject({
      state: "degraded",
      message: expect.stringContaining("plugin_health returned 3"),
    });
  });

  test("a plugin whose plugin_shutdown returns 4 stops, and its log says so", async () => {
    await using bench = new Bench();
    const raw = await bench.load(
      manifest,
      rawPlugin("(call $answer)", { fields: exported("plugin_shutdown", "(i32.const 4)") }),
    );
    await raw.instance.drain(new AbortController().signal);
    expect(bench.logs).toEqual([{ level: "warn", message: expect.stringContaining("plugin_shutdown returned 4") }]);
  });

  test("an export without a result, or with one of 64 bits, has not succeeded", async () => {
    await using bench = new Bench();
    for (const fields of [
      '(func (export "plugin_init"))',
      '(func (export "plugin_init") (result i64) (i64.const 0))',
    ]) {
      expect((await failure(bench.load(manifest, rawPlugin("(call $answer)", { fields })))).code).toBe("PLUGIN_TRAP");
    }
  });
});

test("a block over the budget is not copied, and the guest hears so", async () => {
  await using bench = new Bench();
  const big = { ...manifest, memory_limit: 256 * 1024 * 1024 };
  const store = "(call $store (i32.const 0) (i32.const 134217728))";
  const wasm = rawPlugin(`(if (i64.eqz ${store}) (then (return (call $answer)))) (unreachable)`, { memory: "2048" });
  expect(await call(await bench.load(big, wasm), "raw.call")).toMatchObject({ name: "raw" });
});

test("an error of 48 MiB reaches the caller as a short one", async () => {
  await using bench = new Bench();
  const big = { ...manifest, memory_limit: 256 * 1024 * 1024 };
  const wasm = rawPlugin("(call $error (call $store (i32.const 65536) (i32.const 50331648))) (i32.const 1)", {
    memory: "2048",
  });
  const error = await failure(call(await bench.load(big, wasm), "raw.call"));
  expect(error.code).toBe("PLUGIN_TRAP");
  expect(error.message.length).toBeLessThan(5000);
});

test("a plugin that fails in a loop has few lines in the log, with the number of those left out", async () => {
  await using bench = new Bench();
  const raw = await bench.load(manifest, rawPlugin("(i32.const 1)"));
  const about = () => bench.logs.filter(({ fields }) => fields?.code === "PLUGIN_TRAP");
  for (let i = 0; i < 200; i++) await failure(call(raw, "raw.call"));
  expect(about().length).toBeGreaterThan(0);
  while (!about().some(({ fields }) => Number(fields?.leftOut) > 0)) await failure(call(raw, "raw.call"));
  const leftOut = about().reduce((sum, { fields }) => sum + Number(fields?.leftOut ?? 0), 0);
  expect(leftOut).toBeGreaterThan(0);
});

test("a foreign text in an error is cut", async () => {
  await using bench = new Bench();
  const name = "x".repeat(200_000);
  const wasm = rawPlugin("(call $answer)", { imports: `(import "extism:host/user" "${name}" (func))` });
  const error = await failure(bench.load(manifest, wasm));
  expect(error.code).toBe("WASM_INVALID");
  expect(JSON.stringify(error).length + error.message.length).toBeLessThan(4000);
});
