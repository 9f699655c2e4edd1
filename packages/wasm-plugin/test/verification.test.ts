import { describe, expect, test } from "@jest/globals";
import type { VerdictStore } from "@aspen/plugin-host";
import {
  branchesAboveValues,
  branchesOverValues,
  bytes,
  callsOverValues,
  file,
  functionType,
  leb,
  loopsInARow,
  loopsOverLocals,
  manyLoads,
  moduleOf,
  nestedBlocks,
  repeated,
  same,
  section,
  tableOverValues,
  TYPE,
  vector,
  withBody,
} from "./hostile-modules.js";
import { RAW_MANIFEST, rawPlugin } from "./raw-plugin.js";
import { Bench, call, compileFixture, failure } from "./support.js";
import type { WasmRuntimeOptions } from "../src/index.js";

async function refusal(wasm: Uint8Array, options: WasmRuntimeOptions = {}): Promise<string> {
  await using bench = new Bench({ spareWorkers: 0, ...options });
  const { code, message } = await failure(bench.load(RAW_MANIFEST, wasm));
  expect({ code, message }).toMatchObject({ code: "WASM_INVALID" });
  expect(message.length).toBeLessThan(1000);
  return message;
}

/** Milliseconds of processor time that this process takes. */
async function processorTime(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const SIXTEEN_MIB = 16 * 1024 * 1024;
const CARRIED = "carry more than";

describe("what a compiler would grow on is refused before it is compiled", () => {
  test.each<[string, Uint8Array, string]>([
    ["branches over values", branchesOverValues(45_000, 1000), "results"],
    ["branches over as many values as a type may have", branchesOverValues(100_000, 64), CARRIED],
    ["branches above values", branchesAboveValues(45_000, 1000), CARRIED],
    ["a table of branches over values", tableOverValues(100_000, 64), CARRIED],
    ["loops within each other over locals", loopsOverLocals(400, 9999), CARRIED],
    ["more locals than are allowed", loopsOverLocals(1, 10_000), "locals"],
    ["a group of billions of locals", moduleOf([{ locals: 2 ** 31, body: [] }]), "locals"],
    ["loops in a row over locals", loopsInARow(5000, 2000), CARRIED],
    ["two million nested blocks", nestedBlocks(2_000_000), "bytes in a function"],
    ["blocks that nest deeper than allowed", nestedBlocks(2001), "nests deeper"],
    ["calls that pass values on", callsOverValues(20_000, 64), CARRIED],
    ["a large function", manyLoads(1, 80_000), "bytes in a function"],
    ["many operands", moduleOf([{ body: bytes(repeated(10_001, [0x42, 5]), repeated(10_001, [0x1a])) }]), "operands"],
  ])("%s", async (_what, wasm, reason) => {
    expect(await refusal(wasm)).toContain(reason);
  });

  test.each<[string, Uint8Array, string]>([
    ["16 MiB of empty sections", file(new Uint8Array(SIXTEEN_MIB - 8)), "custom sections"],
    ["5 million tables", file(section(4, leb(5_000_000), repeated(5_000_000, [TYPE.funcref, 0, 0]))), "tables"],
    ["5 million types", file(section(1, leb(5_000_000), repeated(5_000_000, [0x60, 0, 0]))), "types"],
    ["3 million globals", file(section(6, leb(3_000_000), repeated(3_000_000, [TYPE.i32, 0, 0x41, 0, 0x0b]))), "globals"],
    ["5 million data segments", file(section(11, leb(5_000_000), repeated(5_000_000, [1, 0]))), "data segments"],
    ["3 million exports", file(section(7, leb(3_000_000), repeated(3_000_000, [1, 97, 0, 0]))), "exports"],
    ["a section that is there twice", file(...same(2, 0).map(() => section(1, [0]))), "twice"],
  ])("%s, at once", async (_what, wasm, reason) => {
    const took = await processorTime(async () => expect(await refusal(wasm)).toContain(reason));
    expect(took).toBeLessThan(1000);
  });
});

describe("features that plugins may not use are named", () => {
  const table = (...limits: number[]) => file(section(4, [1, TYPE.funcref, ...limits]));
  const memory = (...limits: number[]) => file(section(5, [1, ...limits]));
  test.each<[string, Uint8Array, string]>([
    ["an endless tail call", withBody([0x20, 0, 0x12, 0]), "tail calls"],
    ["an indirect tail call", withBody([0x20, 0, 0x41, 0, 0x13, 0, 0]), "tail calls"],
    ["a tail call of a reference", withBody([0x20, 0, 0xd2, 0, 0x15, 0]), "tail calls"],
    ["a call of a reference", withBody([0x20, 0, 0xd2, 0, 0x14, 0]), "typed function references"],
    ["a tag", file(section(1, vector(functionType([], []))), section(13, [1, 0, 0])), "exceptions"],
    ["try", withBody([0x06, 0x40, 0x19, 0x0b]), "exceptions"],
    ["try_table", withBody([0x1f, 0x40, 0, 0x0b]), "exceptions"],
    ["throw", withBody([0x08, 0]), "exceptions"],
    ["an array type", file(section(1, [1, 0x5e, TYPE.i32, 1])), "GC"],
    ["a struct type", file(section(1, [1, 0x5f, 0])), "GC"],
    ["a recursive type", file(section(1, [1, 0x4e, 1, 0x60, 0, 0])), "GC"],
    ["an array in a function", withBody([0x41, 0, 0x41, 5, 0xfb, 6, 0, 0x1a]), "GC"],
    ["a parameter of anyref", file(section(1, vector(functionType([0x6e], [])))), "GC"],
    ["a reference to a type", file(section(1, vector(bytes([0x60, 1, 0x64, 0, 0])))), "GC"],
    ["SIMD", withBody([0xfd, 12, ...same(16, 0), 0x1a]), "SIMD"],
    ["a global of v128", file(section(6, [1, TYPE.v128, 0, 0xfd, 12, ...same(16, 0), 0x0b])), "SIMD"],
    ["atomics", withBody([0x41, 0, 0x41, 0, 0xfe, 0, 2, 0, 0x1a]), "threads"],
    ["a shared memory", memory(3, 1, 1), "threads"],
    ["a 64-bit memory", memory(4, 1), "memory64"],
    ["a 64-bit table", table(4, 1), "memory64"],
    ["two memories", file(section(5, [2, 0, 1, 0, 1])), "multiple memories"],
    ["a load from another memory", withBody([0x41, 0, 0x28, 0x42, 1, 0, 0x1a]), "multiple memories"],
    ["data in another memory", file(section(11, [1, 2, 1, 0x41, 0, 0x0b, 0])), "multiple memories"],
    ["a computed constant", file(section(6, [1, TYPE.i32, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b])), "extended constant"],
    ["data at a computed place", file(section(11, [1, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b, 0])), "extended constant"],
    ["a table with a value", file(section(4, [1, 0x40, 0, TYPE.funcref, 0, 1, 0xd0, 0x70, 0x0b])), "table initialisers"],
    ["wide arithmetic", withBody([0xfc, 19]), "wide arithmetic"],
    ["a continuation", withBody([0xe0, 0]), "stack switching"],
    ["an instruction that nobody knows", withBody([0xff]), "0xff"],
    ["a section that nobody knows", file(section(99, [])), "99"],
  ])("%s", async (_what, wasm, feature) => {
    expect(await refusal(wasm)).toContain(feature);
  });
});
