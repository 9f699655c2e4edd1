import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseManifest } from "@aspen/plugin-api";
import type { VerdictStore } from "@aspen/plugin-host";
import { describe, expect, test } from "@jest/globals";
import type { WasmRuntimeOptions } from "../src/index.js";
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
  TYPE,
  tableOverValues,
  vector,
  withBody,
} from "./hostile-modules.js";
import { environmentOf, ProcessUnderTest, probesOf } from "./processes.js";
import { RAW_MANIFEST, rawPlugin } from "./raw-plugin.js";
import { artifactOf, Bench, call, compileFixture, failure } from "./support.js";

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
    [
      "3 million globals",
      file(section(6, leb(3_000_000), repeated(3_000_000, [TYPE.i32, 0, 0x41, 0, 0x0b]))),
      "globals",
    ],
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
    ["a memory of small pages", memory(8, 1, 0), "custom page sizes"],
    ["two memories", file(section(5, [2, 0, 1, 0, 1])), "multiple memories"],
    ["a load from another memory", withBody([0x41, 0, 0x28, 0x42, 1, 0, 0x1a]), "multiple memories"],
    ["data in another memory", file(section(11, [1, 2, 1, 0x41, 0, 0x0b, 0])), "multiple memories"],
    ["a computed constant", file(section(6, [1, TYPE.i32, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b])), "extended constant"],
    ["data at a computed place", file(section(11, [1, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b, 0])), "extended constant"],
    [
      "a table with a value",
      file(section(4, [1, 0x40, 0, TYPE.funcref, 0, 1, 0xd0, 0x70, 0x0b])),
      "table initialisers",
    ],
    ["wide arithmetic", withBody([0xfc, 19]), "wide arithmetic"],
    ["a continuation", withBody([0xe0, 0]), "stack switching"],
    ["an instruction that nobody knows", withBody([0xff]), "0xff"],
    ["a section that nobody knows", file(section(99, [])), "99"],
  ])("%s", async (_what, wasm, feature) => {
    expect(await refusal(wasm)).toContain(feature);
  });
});

describe("what compilers of plugins emit is accepted", () => {
  test.each<[string, string, string]>([
    ["several results", "(func $two (result i32 i64) (i32.const 1) (i64.const 2))", "(call $two) drop drop"],
    ["blocks with parameters", "", "(i32.const 1) (block (param i32) (result i32 i32) (i32.const 2)) drop drop"],
    [
      "copying and filling memory",
      "",
      "(memory.copy (i32.const 0) (i32.const 0) (i32.const 9)) (memory.fill (i32.const 900) (i32.const 0) (i32.const 9))",
    ],
    ["passive data", '(data $d "abc")', "(memory.init $d (i32.const 900) (i32.const 0) (i32.const 3)) (data.drop $d)"],
    ["variables that can be changed", "(global $g (mut i64) (i64.const 1))", "(global.set $g (i64.const 2))"],
    ["sign extension", "", "(drop (i32.extend8_s (i32.const 200)))"],
    ["conversions that do not trap", "", "(drop (i32.trunc_sat_f64_s (f64.const 1e99)))"],
    [
      "references",
      "(table $t 3 externref)",
      "(table.set $t (i32.const 0) (ref.null extern)) (drop (table.grow $t (ref.null extern) (i32.const 1)))",
    ],
    [
      "elements of every kind",
      "(table $t 3 funcref) (elem (table $t) (i32.const 0) func $answer) (elem $p func $answer) (elem declare func $recurse) (elem $e funcref (ref.func $answer) (ref.null func))",
      "(table.init $t $p (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $e) (drop (ref.func $recurse))",
    ],
    [
      "indirect calls",
      "(type $i (func (result i32))) (table $t 1 funcref) (elem (i32.const 0) $one) (func $one (type $i) (i32.const 1))",
      "(drop (call_indirect $t (type $i) (i32.const 0)))",
    ],
    ["a table of branches", "", "(block $a (block $b (br_table $a $b $a (i32.const 1))))"],
    ["code behind a branch", "", "(block $a (br $a) (drop (i32.add)))"],
  ])("%s", async (_what, fields, statements) => {
    await using bench = new Bench({ spareWorkers: 0 });
    const manifest = { ...RAW_MANIFEST, execution_timeout_ms: 20_000 };
    const raw = await bench.load(manifest, rawPlugin(`${statements} (call $answer)`, { fields }));
    expect(await call(raw, "raw.call")).toMatchObject({ name: "raw" });
  });
});

/** What passed, in memory. */
class Verdicts implements VerdictStore {
  readonly keys = new Set<string>();
  asked = 0;

  async has(key: string): Promise<boolean> {
    this.asked += 1;
    return this.keys.has(key);
  }

  async add(key: string): Promise<void> {
    this.keys.add(key);
  }
}

const manifest = parseManifest(RAW_MANIFEST);
/** Too little for any process: who tries the code out refuses it. */
const NOTHING = { spareWorkers: 0, compileMemoryBytes: 1 };
const plain = () => rawPlugin("(call $answer)");

describe("what was found out", () => {
  test("is remembered: code that passed is not compiled again, on another node or after a restart", async () => {
    const verdicts = new Verdicts();
    await using first = new Bench({ spareWorkers: 0 });
    await first.runtime.verify(artifactOf(manifest, plain()), verdicts);
    expect(verdicts.keys.size).toBe(1);
    await using second = new Bench(NOTHING);
    await second.runtime.verify(artifactOf(manifest, plain()), verdicts);
    await using third = new Bench(NOTHING);
    expect((await failure(third.runtime.verify(artifactOf(manifest, plain()), new Verdicts()))).code).toBe(
      "WASM_INVALID",
    );
  });

  test("holds for this version of Node", async () => {
    const verdicts = new Verdicts();
    await using bench = new Bench({ spareWorkers: 0 });
    await bench.runtime.verify(artifactOf(manifest, plain()), verdicts);
    expect([...verdicts.keys][0]).toContain(process.version);
  });

  test("is the same for all plugins of one SDK: their code differs in its data only", async () => {
    const verdicts = new Verdicts();
    await using bench = new Bench({ spareWorkers: 0 });
    for (const fixture of ["hostile", "neighbour", "starter"]) {
      const { manifest, wasm } = await compileFixture(fixture);
      await bench.runtime.verify(artifactOf(manifest, wasm), verdicts);
    }
    expect(verdicts.keys.size).toBe(1);
  });

  test("is not the same for code that differs", async () => {
    const verdicts = new Verdicts();
    await using bench = new Bench({ spareWorkers: 0 });
    for (const statement of ["(i32.const 0)", "(i32.const 1)"]) {
      await bench.runtime.verify(artifactOf(manifest, rawPlugin(statement)), verdicts);
    }
    for (const fields of ["(global $g i32 (i32.const 1))", "(global $g i32 (i32.const 2))", "(table 9 funcref)"]) {
      await bench.runtime.verify(artifactOf(manifest, rawPlugin("(i32.const 0)", { fields })), verdicts);
    }
    expect(verdicts.keys.size).toBe(5);
  });

  test("does not excuse what the verdict is not about", async () => {
    const verdicts = new Verdicts();
    await using bench = new Bench({ spareWorkers: 0 });
    const part = (...data: number[]) => file(section(5, [1, 0, 1]), section(11, [1, 0, ...data, 0x0b, 0]));
    await bench.runtime.verify(artifactOf(manifest, part(0x41, 1)), verdicts);
    const computed = part(0x41, 1, 0x41, 1, 0x6a);
    expect((await failure(bench.runtime.verify(artifactOf(manifest, computed), verdicts))).message).toContain(
      "extended",
    );
    const full = bytes(part(0x41, 1), ...same(65, 0).map(() => section(0, [0])));
    expect((await failure(bench.runtime.verify(artifactOf(manifest, full), verdicts))).message).toContain("custom");
  });

  test("is also remembered when it is bad, for a while, so that nobody compiles it again and again", async () => {
    const verdicts = new Verdicts();
    await using bench = new Bench(NOTHING);
    const first = await failure(bench.runtime.verify(artifactOf(manifest, plain()), verdicts));
    expect(await failure(bench.runtime.verify(artifactOf(manifest, plain()), verdicts))).toEqual(first);
    expect(verdicts.asked).toBe(1);
    expect(verdicts.keys.size).toBe(0);
  });

  test("is found out once for all who ask at the same time", async () => {
    const verdicts = new Verdicts();
    await using bench = new Bench({ spareWorkers: 0 });
    const seen = new Set<number>();
    const look = setInterval(() => probesOf(process.pid).forEach((pid) => void seen.add(pid)), 5);
    await Promise.all(same(4, 0).map(() => bench.runtime.verify(artifactOf(manifest, plain()), verdicts)));
    clearInterval(look);
    expect(seen.size).toBe(1);
  });
});

describe("the process in which code is compiled first", () => {
  /** Takes both compilers some seconds. */
  const slow = () => manyLoads(20, 60_000);

  test("ends when the code needs more memory than it may have", async () => {
    expect(await refusal(slow(), { compileMemoryBytes: 60 * 1024 * 1024 })).toContain("62914560 bytes of memory");
  });

  test("ends when the code takes more processor time than it may have", async () => {
    expect(await refusal(slow(), { compileCpuMs: 1000 })).toContain("longer than 1000 ms");
  });

  test.each(["SIGSEGV", "SIGABRT", "SIGKILL"] as const)("is the plugin's fault when it dies of %s", async (signal) => {
    const refused = refusal(slow());
    const [pid] = await eventually(() => probesOf(process.pid));
    process.kill(pid!, signal);
    expect(await refused).toContain(signal);
    expect(probesOf(process.pid)).toEqual([]);
  });

  test("sees nothing of the node's environment", async () => {
    process.env.ASPEN_TEST_SECRET = "hunter2";
    await using bench = new Bench({ spareWorkers: 0 });
    const refused = failure(bench.runtime.verify(artifactOf(manifest, slow())));
    const [pid] = await eventually(() => probesOf(process.pid));
    const environment = environmentOf(pid!);
    delete process.env.ASPEN_TEST_SECRET;
    expect(environment).not.toContain("hunter2");
    expect(environment.split("\0").filter((line) => /^(PATH|HOME|NODE_OPTIONS)=/.test(line))).toEqual([]);
    await bench.runtime[Symbol.asyncDispose]();
    await refused;
  });

  test("ends with the runtime, and who waited hears it", async () => {
    await using bench = new Bench({ spareWorkers: 0 });
    const waiting = [1, 2, 3].map((extra) =>
      failure(bench.runtime.verify(artifactOf(manifest, manyLoads(20 + extra, 60_000)))),
    );
    await eventually(() => probesOf(process.pid));
    await bench.runtime[Symbol.asyncDispose]();
    for (const error of await Promise.all(waiting)) expect(error.code).toBe("PLUGIN_UNAVAILABLE");
    expect(probesOf(process.pid)).toEqual([]);
  });

  test("ends when the node is killed", async () => {
    const folder = await mkdtemp(join(tmpdir(), "probe-"));
    try {
      await writeFile(join(folder, "slow.wasm"), slow());
      await using node = new ProcessUnderTest("verifying.mjs", [join(folder, "slow.wasm")]);
      const [pid] = await eventually(() => probesOf(node.pid));
      node.kill("SIGKILL");
      await eventually(() => (isAlive(pid!) ? null : true));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** What `look` finds, as soon as it finds something. */
async function eventually<T>(look: () => T | null): Promise<T> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const found = look();
    if (found !== null && !(Array.isArray(found) && found.length === 0)) return found;
    if (performance.now() > deadline) throw new Error(`nothing was found within 20 s: ${look}`);
    await delay(5);
  }
}
