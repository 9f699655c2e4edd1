import { LOCAL_CALLER } from "@aspen/rpc-core";
import { describe, expect, test } from "@jest/globals";
import { RAW_MANIFEST, rawPlugin, wat } from "./raw-plugin.js";
import { Bench, call, compileFixture, failure } from "./support.js";

async function loadFailure(wasm: Uint8Array, manifest: object = RAW_MANIFEST) {
  await using bench = new Bench({ spareWorkers: 0 });
  return await failure(bench.load(manifest, wasm));
}

describe("what is refused before it runs", () => {
  test("a file that is not wasm", async () => {
    expect(await loadFailure(new TextEncoder().encode("#!/bin/sh"))).toMatchObject({ code: "WASM_INVALID" });
  });

  test("a file that is cut short", async () => {
    expect((await loadFailure(rawPlugin("(i32.const 0)").slice(0, -10))).code).toBe("WASM_INVALID");
  });

  test("a module without the exports, naming them", async () => {
    const error = await loadFailure(
      wat(`(module (memory 1) (func (export "plugin_info") (result i32) (i32.const 0)))`),
    );
    expect(error.code).toBe("WASM_INVALID");
    expect(error.message).toContain("handle_request");
  });

  test.each([
    ["wasi_snapshot_preview1", "path_open"],
    ["extism:host/env", "http_request"],
    ["extism:host/env", "var_set"],
    ["extism:host/user", "no_such_function"],
  ])("a module that imports %s.%s, naming it", async (from, name) => {
    const error = await loadFailure(
      wat(`(module (import "${from}" "${name}" (func)) (memory 1)
        (func (export "plugin_info") (result i32) (i32.const 0))
        (func (export "handle_request") (result i32) (i32.const 0)))`),
    );
    expect(error.code).toBe("WASM_INVALID");
    expect(error.message).toContain(`${from}.${name}`);
  });

  test("a module that starts with more memory than its limit", async () => {
    const error = await loadFailure(rawPlugin("(i32.const 0)", { memory: "100" }));
    expect(error.code).toBe("WASM_INVALID");
    expect(error.message).toContain("memory_limit");
  });

  test.each([
    ["one table", "(table 1000001 funcref)"],
    ["tables that are small one by one", "(table 600000 funcref) (table $b 600000 funcref)"],
    ["many tables", Array.from({ length: 11 }, (_, at) => `(table $t${at} 100000 1000000 externref)`).join(" ")],
  ])("%s that start with more elements than the limit", async (_what, fields) => {
    const error = await loadFailure(rawPlugin("(i32.const 0)", { fields }));
    expect(error.code).toBe("WASM_INVALID");
    expect(error.message).toContain("1000000 elements");
  });

  test("a module over the size limit", async () => {
    expect((await loadFailure(new Uint8Array(16 * 1024 * 1024 + 1))).code).toBe("PAYLOAD_TOO_LARGE");
  });

  test("a plugin that says something else than its manifest", async () => {
    const { manifest, wasm } = await compileFixture("hostile");
    const error = await loadFailure(wasm, { ...manifest, version: "9.9.9" });
    expect(error.code).toBe("MANIFEST_INVALID");
    expect(error.message).toContain("9.9.9");
  });

  test("a plugin whose plugin_info is no JSON", async () => {
    const error = await loadFailure(
      wat(`(module (memory (export "memory") 1)
        (func (export "plugin_info") (result i32) (i32.const 0))
        (func (export "handle_request") (result i32) (i32.const 0)))`),
    );
    expect(error.code).toBe("PLUGIN_INVALID_RESPONSE");
  });
});

test("tables that do not say how far they grow share the limit", async () => {
  await using bench = new Bench();
  const grow = (table: string, by: number) => `(table.grow ${table} (ref.null func) (i32.const ${by}))`;
  const refused = (table: string, by: number) => `(i32.ne ${grow(table, by)} (i32.const -1))`;
  const wasm = rawPlugin(
    `(if (i32.eq ${grow("$a", 400_000)} (i32.const -1)) (then unreachable))
     (if (i32.or ${refused("$a", 200_000)} ${refused("$b", 600_000)}) (then unreachable))
     (if (i32.eq ${grow("$b", 400_000)} (i32.const -1)) (then unreachable))
     (call $answer)`,
    { fields: "(table $a 1 funcref) (table $b 1 funcref)" },
  );
  const raw = await bench.load({ ...RAW_MANIFEST, execution_timeout_ms: 20_000 }, wasm);
  expect(await call(raw, "raw.call")).toMatchObject({ name: "raw" });
});

describe("a guest that does not poll", () => {
  test.each([
    ["(loop $for_ever (br $for_ever)) (unreachable)", "PLUGIN_TIMEOUT"],
    ["(unreachable)", "PLUGIN_TRAP"],
    ["(call $recurse (i32.const 0))", "PLUGIN_TRAP"],
    ["(i32.load (i32.const -8))", "PLUGIN_TRAP"],
    ["(i32.const 0)", "PLUGIN_INVALID_RESPONSE"],
    ["(call $output (i64.const 99) (i64.const 99)) (i32.const 0)", "PLUGIN_INVALID_RESPONSE"],
    [
      "(call $output (call $store (i32.const 512) (i32.const 2)) (i64.const 2)) (i32.const 0)",
      "PLUGIN_INVALID_RESPONSE",
    ],
    ["(call $error (call $store (i32.const 0) (i32.const 8))) (i32.const 1)", "PLUGIN_TRAP"],
    ["(call $store (i32.const 0) (i32.const -1)) (drop) (i32.const 0)", "PLUGIN_INVALID_RESPONSE"],
    [
      "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (unreachable)",
      "PLUGIN_OUT_OF_MEMORY",
    ],
    [
      "(loop $more (drop (call $kv_put (i64.const 7) (i64.const -1) (i64.const 1))) (br $more)) (i32.const 0)",
      "PLUGIN_TIMEOUT",
    ],
  ])("%s is %s, twice", async (handleRequest, code) => {
    await using bench = new Bench();
    // A busy machine must not turn another end into this one.
    const execution_timeout_ms = code === "PLUGIN_TIMEOUT" ? 1000 : 20_000;
    const raw = await bench.load({ ...RAW_MANIFEST, execution_timeout_ms }, rawPlugin(handleRequest));
    for (const round of [1, 2]) {
      const error = await failure(
        raw.handle(
          { method: "raw.call", params: round },
          { requestId: "r", caller: LOCAL_CALLER, signal: new AbortController().signal },
        ),
      );
      expect(error.code).toBe(code);
    }
  });
});
