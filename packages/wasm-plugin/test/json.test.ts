import { encodeUtf8, LIMITS } from "@aspen/plugin-api";
import { JsonBytes, LOCAL_CALLER } from "@aspen/rpc-core";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import type { WasmPluginHandler } from "../src/index.js";
import { RAW_MANIFEST, wat } from "./raw-plugin.js";
import { Bench, failure } from "./support.js";

const INFO = JSON.stringify({ name: "raw", version: "1.0.0", api_version: "1", handles: ["raw.call"] });
const PAGES = 768;

/** Answers its whole input, unless `handleRequest` says otherwise; `$fill` writes as many `{},` to address 1024. */
function plugin(
  handleRequest = "(call $echo)",
  info = `(call $put (i32.const 0) (i32.const ${INFO.length}))`,
): Uint8Array {
  return wat(`(module
    (import "extism:host/user" "mem_store" (func $store (param i32 i32) (result i64)))
    (import "extism:host/user" "input_read" (func $read (param i32 i32)))
    (import "extism:host/env" "input_length" (func $length (result i64)))
    (import "extism:host/env" "output_set" (func $output (param i64 i64)))
    (import "extism:host/env" "error_set" (func $error (param i64)))
    (memory (export "memory") ${PAGES})
    (data (i32.const 0) "${INFO.replaceAll('"', "\\22")}")
    (func $put (param $at i32) (param $size i32) (result i32)
      (call $output (call $store (local.get $at) (local.get $size)) (i64.extend_i32_u (local.get $size)))
      (i32.const 0))
    (func $fail (param $at i32) (param $size i32) (result i32)
      (call $error (call $store (local.get $at) (local.get $size)))
      (i32.const 1))
    (func $echo (result i32)
      (call $read (i32.const 1024) (i32.wrap_i64 (call $length)))
      (call $put (i32.const 1024) (i32.wrap_i64 (call $length))))
    (func $fill (param $count i32) (result i32)
      (local $at i32)
      (local.set $at (i32.const 1024))
      (loop $more
        (i32.store (local.get $at) (i32.const 0x2c7d7b))
        (local.set $at (i32.add (local.get $at) (i32.const 3)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br_if $more (local.get $count)))
      (local.get $at))
    (func (export "plugin_info") (result i32) ${info})
    (func (export "handle_request") (result i32) ${handleRequest}))`);
}

/** \`[{},{},…]\` of as many objects. */
const objects = (count: number, then: string) => `
  (local $end i32)
  (local.set $end (call $fill (i32.const ${count})))
  (i32.store8 (i32.const 1023) (i32.const 0x5b))
  (i32.store8 (i32.sub (local.get $end) (i32.const 1)) (i32.const 0x5d))
  (call ${then} (i32.const 1023) (i32.sub (local.get $end) (i32.const 1023)))`;

const MANIFEST = { ...RAW_MANIFEST, memory_limit: 64 * 1024 * 1024, execution_timeout_ms: 60_000 };

let bench: Bench;
let echo: WasmPluginHandler;

beforeAll(async () => {
  bench = new Bench();
  echo = await bench.load(MANIFEST, plugin());
});

afterAll(() => bench[Symbol.asyncDispose]());

const context = () => ({
  requestId: "id",
  caller: LOCAL_CALLER,
  signal: new AbortController().signal,
  takesJsonBytes: true,
});
const call = (handler: WasmPluginHandler, params: unknown) =>
  handler.handle({ method: "raw.call", params }, context()) as Promise<JsonBytes>;
const sent = async (params: string | Uint8Array) => {
  const bytes = typeof params === "string" ? encodeUtf8(params) : params;
  return Buffer.from((await call(echo, new JsonBytes(bytes))).bytes).toString();
};
const caller = `{"kind":"local","id":"local","grants":{"methods":["*"],"kvPrefixes":[""]}}`;
const request = (params: string) => `{"requestId":"id","method":"raw.call","caller":${caller},"params":${params}}`;

/** Characters of the longest text that this thread parsed meanwhile. */
async function longestParsed(work: () => Promise<unknown>): Promise<number> {
  const spy = jest.spyOn(JSON, "parse");
  try {
    await work();
    return Math.max(0, ...spy.mock.calls.map(([text]) => String(text).length));
  } finally {
    spy.mockRestore();
  }
}

describe("params in bytes", () => {
  it("reach the plugin as they were sent, small and large", async () => {
    for (const params of ['{"n":-0, "big": 12345678901234567890,"f":1.50}', " [1e308,1E-400] ", '"\\u00e9é"', "null"]) {
      expect(await sent(params)).toBe(request(params));
    }
    const large = `[${"{},".repeat(100_000)}-0]`;
    expect(await longestParsed(async () => expect(await sent(large)).toBe(request(large)))).toBe(0);
  });

  it("are refused when they are no JSON, whatever they would make of the request", async () => {
    const deep = "[".repeat(LIMITS.jsonDepth + 1) + "]".repeat(LIMITS.jsonDepth + 1);
    const bad = ["", "{", "{}{}", '1,"method":"other"', '1}{"a":1', "1e400", "[-1e999]", deep, "[".repeat(100_000)];
    for (const params of [...bad, `[${"1,".repeat(50_000)}]`, new Uint8Array([0x22, 0xff, 0x22])]) {
      expect(await failure(sent(params))).toMatchObject({ code: "INVALID_PARAMS" });
    }
    expect(await sent("[]")).toBe(request("[]"));
  });

  it("are refused over the limit of a request", async () => {
    const error = await failure(sent(`"${"x".repeat(LIMITS.messageBytes)}"`));
    expect(error).toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
  });
});

describe("params as values", () => {
  const value = async (params: unknown) => Buffer.from((await call(echo, params)).bytes).toString();

  it("keep -0, and are refused with numbers that JSON cannot hold", async () => {
    expect(await value({ n: -0, list: [0, -0], text: "-0" })).toBe(request('{"n":-0,"list":[0,-0],"text":"-0"}'));
    expect(await value(undefined)).toBe(request("null"));
    for (const params of [Number.POSITIVE_INFINITY, { n: Number.NaN }, [[Number.NEGATIVE_INFINITY]]]) {
      expect(await failure(value(params))).toMatchObject({ code: "INVALID_PARAMS" });
    }
  });
});

describe("a plugin's answer", () => {
  const answer = async (text: string) => {
    const bytes = Buffer.from(text);
    const code = [...bytes].map((byte, at) => `(i32.store8 (i32.const ${1024 + at}) (i32.const ${byte}))`).join(" ");
    return bench.load(MANIFEST, plugin(`${code} (call $put (i32.const 1024) (i32.const ${bytes.length}))`));
  };

  it("is not parsed for a caller that takes bytes", async () => {
    const many = await bench.load(MANIFEST, plugin(objects(5_000_000, "$put")));
    let result: JsonBytes | undefined;
    const longest = await longestParsed(async () => {
      result = await call(many, {});
    });
    expect(longest).toBe(0);
    expect(result?.bytes.length).toBe(15_000_001);
    expect(Buffer.from(result!.bytes.subarray(0, 7)).toString()).toBe("[{},{},");
    expect(Buffer.from(result!.bytes.subarray(-4)).toString()).toBe(",{}]");
  });

  it("is a value for any other", async () => {
    const plain = await answer('{"n":-0,"a":[1]}');
    const signal = new AbortController().signal;
    expect(
      await plain.handle({ method: "raw.call", params: {} }, { requestId: "id", caller: LOCAL_CALLER, signal }),
    ).toEqual({
      n: -0,
      a: [1],
    });
  });

  it("is refused when it is no JSON", async () => {
    for (const text of ["", "{", "{}{}", "nul", "[1e400]", "[".repeat(65)]) {
      expect(await failure(call(await answer(text), {}))).toMatchObject({ code: "PLUGIN_INVALID_RESPONSE" });
    }
  });

  it("is short when it is an error", async () => {
    const many = await bench.load(MANIFEST, plugin(objects(5_000_000, "$fail")));
    const longest = await longestParsed(async () => {
      expect(await failure(call(many, {}))).toMatchObject({
        code: "PLUGIN_TRAP",
        message: expect.stringContaining("too large"),
      });
    });
    expect(longest).toBeLessThan(1000);
  });

  it("is short when it is the plugin's info", async () => {
    const longest = await longestParsed(async () => {
      expect(await failure(bench.load(MANIFEST, plugin(undefined, objects(50_000, "$put"))))).toMatchObject({
        code: "PLUGIN_INVALID_RESPONSE",
      });
    });
    expect(longest).toBeLessThan(1000);
  });
});
