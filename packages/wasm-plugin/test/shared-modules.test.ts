import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { ModuleCache } from "../src/module-cache.js";
import { loadModule } from "../src/module-loader.js";
import { writeData } from "../src/protocol/module-data.js";
import { splitModule } from "../src/split-module.js";
import { RAW_MANIFEST, rawPlugin, wat } from "./raw-plugin.js";
import { Bench, call, failure } from "./support.js";

const MIB = 1024 * 1024;

/** Answers the plugin's info when the byte at `address` is the letter, and traps otherwise. */
const answersIf = (address: string, letter: string) =>
  `(if (i32.ne (i32.load8_u ${address}) (i32.const ${letter.charCodeAt(0)})) (then unreachable)) (call $answer)`;

describe("a module that plugins share", () => {
  test("is one for all that differ in their data alone, and have one memory limit", async () => {
    const [one, other] = ["a", "b"].map((letter) =>
      rawPlugin("(call $answer)", { fields: `(data (i32.const 600) "${letter}")` }),
    );
    const cache = new ModuleCache();
    const first = await loadModule("one", one!, 64 * MIB, cache);
    const second = await loadModule("other", other!, 64 * MIB, cache);
    expect(second.module).toBe(first.module);
    expect(Buffer.from(second.data!.bytes).equals(Buffer.from(first.data!.bytes))).toBe(false);
    expect((await loadModule("other", other!, 32 * MIB, cache)).module).not.toBe(first.module);
  });

  test("is compiled once while it is in use", async () => {
    const cache = new ModuleCache();
    const module = await cache.compile(rawPlugin("(call $answer)"));
    expect(await cache.compile(rawPlugin("(call $answer)"))).toBe(module);
    expect(await cache.compile(rawPlugin("(i32.const 0)"))).not.toBe(module);
  });

  test.each([1, 2])("has each plugin's own data, in each fresh one of at most %d instances", async (instances) => {
    await using bench = new Bench();
    const letters = ["a", "b"];
    const plugins = await Promise.all(
      letters.map((letter) => {
        const fields = `(data (i32.const 600) "${letter}")`;
        const spoil = `(i32.store8 (i32.const 600) (i32.const 33)) ${answersIf("(i32.const 600)", "!")}`;
        const wasm = rawPlugin(
          `(if (i32.ne (i32.load8_u (i32.const 600)) (i32.const ${letter.charCodeAt(0)})) (then unreachable))
           ${spoil}`,
          { fields },
        );
        return bench.load({ ...RAW_MANIFEST, max_instances: instances, isolation: "call" }, wasm);
      }),
    );
    for (let round = 0; round < 3; round++) {
      for (const plugin of plugins) expect(await call(plugin, "raw.call")).toMatchObject({ name: "raw" });
    }
    for (const plugin of plugins) await plugin[Symbol.asyncDispose]();
  });
});

describe("a module that cannot be shared does what it did", () => {
  test.each([
    [
      "a passive segment",
      `(memory.init $late (i32.const 700) (i32.const 0) (i32.const 1)) ${answersIf("(i32.const 700)", "p")}`,
      `(data $late "p")`,
    ],
    [
      "a start function that reads its data",
      answersIf("(i32.const 700)", "s"),
      `(data (i32.const 600) "s") (start $begin)
       (func $begin (i32.store8 (i32.const 700) (i32.load8_u (i32.const 600))))`,
    ],
    [
      "an initialiser that reads its data",
      answersIf("(i32.const 700)", "i"),
      `(data (i32.const 600) "i")
       (func (export "_initialize") (i32.store8 (i32.const 700) (i32.load8_u (i32.const 600))))`,
    ],
    [
      "code that drops its segments",
      `(data.drop $gone) ${answersIf("(i32.const 600)", "d")}`,
      `(data $gone (i32.const 600) "d")`,
    ],
  ])("with %s", async (_what, handleRequest, fields) => {
    await using bench = new Bench();
    const plugin = await bench.load(RAW_MANIFEST, rawPlugin(handleRequest, { fields }));
    expect(await call(plugin, "raw.call")).toMatchObject({ name: "raw" });
    await plugin[Symbol.asyncDispose]();
  });

  test("with data outside its memory", async () => {
    await using bench = new Bench({ spareWorkers: 0 });
    const wasm = rawPlugin("(call $answer)", { fields: `(data (i32.const 65535) "ab")` });
    expect((await failure(bench.load(RAW_MANIFEST, wasm))).code).toBe("WASM_INVALID");
  });
});

test("code and data apart make the memory that the file makes", async () => {
  const segment = fc.record({
    at: fc.integer({ min: 0, max: 131_071 }),
    bytes: fc.uint8Array({ maxLength: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(segment, { maxLength: 12 }), async (segments) => {
      const fields = segments.map(({ at, bytes }) => {
        const text = [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
        return `(data (i32.const ${Math.min(at, 131_072 - bytes.length)}) "${text}")`;
      });
      const wasm = wat(`(module (memory (export "memory") 2) ${fields.join(" ")})`);
      const split = splitModule(wasm, "none");
      if (segments.length === 0) return split === null;
      const memoryOf = async (bytes: Uint8Array) => {
        const { instance } = await WebAssembly.instantiate(bytes as BufferSource);
        return instance.exports.memory as WebAssembly.Memory;
      };
      const apart = await memoryOf(split!.code);
      writeData(apart, split!.data);
      return Buffer.from(apart.buffer).equals(Buffer.from((await memoryOf(wasm)).buffer));
    }),
    { numRuns: 60 },
  );
});
