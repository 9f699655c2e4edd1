import { HOST_FUNCTIONS, LIMITS, SOURCE_MAP_SECTION } from "@aspen/plugin-api/abi";
import { ByteReader, SECTION, signedLeb128, unsignedLeb128 } from "@aspen/plugin-api/wasm";
import { compilerErrors } from "./errors.js";
import { INTRINSIC_LETTERS, registeredName, TEMPLATE_EXPORTS } from "./template/adapter.js";
import { boundedEngine, type Template } from "./template/load-template.js";
import { BuildVm } from "./vm.js";
import { customSection, exportSection, readExports, readSections, type Section, writeSections } from "./wasm/binary.js";
import { dataSection, memorySection, nonZeroRanges, PAGE_BYTES } from "./wasm/memory-image.js";

export interface SnapshotInput {
  template: Template;
  /** What runs, in this order. Another VM compiled it, because the leftovers of its parser are not wanted here. */
  bytecode: readonly Uint8Array[];
  sourceMap: string;
  /** Most memory the plugin may have. */
  memoryBytes: number;
  plugin: string;
}

/**
 * Runs a plugin's top level and freezes what it left in memory into a wasm file of its own.
 * @throws GuestException when the top level throws, also for want of memory
 * @throws AspenError `BUILD_FAILED` when it calls the host, or leaves more than a wasm file may have
 */
export async function snapshot({
  template,
  bytecode,
  sourceMap,
  memoryBytes,
  plugin,
}: SnapshotInput): Promise<Uint8Array> {
  const vm = await BuildVm.create(await boundedEngine(template.wasm, memoryBytes));
  vm.global("g_context").value = vm.engine.qjs_get_context_ptr();
  // This comes before the plugin runs: the search copies the memory, which may be large afterwards.
  vm.global("g_random_state").value = findRandomState(vm);
  defineIntrinsics(vm);
  for (const script of bytecode) vm.run(script);
  if (vm.refused !== null) throw compilerErrors.hostCallAtBuild(vm.refused);
  const exported = new Set(vm.text(vm.property(vm.engine.qjs_get_global(), "__exports")).split(","));
  const globalObject = vm.engine.qjs_get_global();
  vm.global("g_dispatch").value = vm.property(globalObject, "__dispatch");
  vm.global("g_finish").value = vm.property(globalObject, "__finish");
  vm.global("g_rejection").value = vm.property(globalObject, "__rejection");
  vm.global("g_report").value = vm.property(globalObject, "__report");
  // From here on: a rejection during the build belongs to no call.
  vm.engine.qjs_set_promise_rejection_handler(1);
  vm.global("g_undefined").value = vm.engine.qjs_get_undefined();
  vm.engine.qjs_run_gc();

  const memory = vm.bytes;
  // What lies below the stack pointer is left over from calls that have returned.
  memory.fill(0, 0, vm.global("__stack_pointer").value);
  return freeze(template.wasm, vm, memory, {
    plugin,
    maximumPages: Math.floor(memoryBytes / PAGE_BYTES),
    exported,
    sourceMap,
  });
}

function defineIntrinsics(vm: BuildVm): void {
  const { engine } = vm;
  const host = engine.qjs_new_object();
  HOST_FUNCTIONS.forEach(({ name: functionName }, index) => {
    vm.setProperty(host, functionName, vm.hostFunction(registeredName(index)));
  });
  const intrinsics = engine.qjs_new_object();
  vm.setProperty(intrinsics, "host", host);
  for (const [intrinsic, letter] of Object.entries(INTRINSIC_LETTERS)) {
    vm.setProperty(intrinsics, intrinsic, vm.hostFunction(letter));
  }
  vm.setProperty(engine.qjs_get_global(), "__aspen", intrinsics);
}

/**
 * Address of the state of `Math.random` (xorshift64*, Vigna 2014): the one 8-byte word that a call of
 * `Math.random()` moves on by one step.
 */
function findRandomState(vm: BuildVm): number {
  const words = () => new BigUint64Array(vm.engine.memory.buffer.slice(0));
  const before = words();
  vm.engine.qjs_free_value(vm.evaluate("Math.random()", "aspen-random.js"));
  const after = words();
  const candidates: number[] = [];
  before.forEach((word, index) => {
    if (word !== 0n && word !== after[index] && xorshift(word) === after[index]) candidates.push(index * 8);
  });
  if (candidates.length !== 1)
    throw compilerErrors.engine(`${candidates.length} words look like the state of Math.random`);
  return candidates[0]!;
}

function xorshift(state: bigint): bigint {
  let x = state;
  x ^= x >> 12n;
  x = BigInt.asUintN(64, x ^ (x << 25n));
  return x ^ (x >> 27n);
}

interface FreezeOptions {
  plugin: string;
  maximumPages: number;
  exported: ReadonlySet<string>;
  sourceMap: string;
}

/** The template with `memory` as its data, the globals as they are, and the plugin's exports. */
function freeze(template: Uint8Array, vm: BuildVm, memory: Uint8Array, options: FreezeOptions): Uint8Array {
  const segments = nonZeroRanges(memory);
  const content = segments.reduce((bytes, [start, end]) => bytes + end - start, 0);
  // This comes before they are copied: they may be a gigabyte.
  if (content > LIMITS.wasmBytes) throw compilerErrors.wasmTooLarge(options.plugin, content, LIMITS.wasmBytes);
  const sections = readSections(template);
  const exports = readExports(sections);
  const kept = [
    ...exports.filter((it) => it.name === "memory"),
    ...TEMPLATE_EXPORTS.flatMap((exportName, at) => {
      const run = exports.find((it) => it.name === `run_${at}`);
      return run && options.exported.has(exportName) ? [{ ...run, name: exportName }] : [];
    }),
  ];
  const globalNames = new Map(exports.filter(({ kind }) => kind === 3).map((it) => [it.index, it.name]));
  const replaced: Readonly<Record<number, () => Uint8Array>> = {
    [SECTION.memory]: () => memorySection(memory.length, options.maximumPages),
    [SECTION.global]: () => frozenGlobals(sections.find(({ id }) => id === SECTION.global)!, globalNames, vm),
    [SECTION.export]: () => exportSection(kept).body,
    [SECTION.dataCount]: () => unsignedLeb128(segments.length),
    [SECTION.data]: () => dataSection(memory, segments),
  };
  const out = sections
    .filter(({ id }) => id !== SECTION.custom)
    .map(({ id, body }): Section => ({ id, body: replaced[id]?.() ?? body }));
  return writeSections([...out, customSection(SOURCE_MAP_SECTION, new TextEncoder().encode(options.sourceMap))]);
}

const I32_CONST = 0x41;
const END = 0x0b;

/** The global section with the values that exported globals have now; the others never change during a build. */
function frozenGlobals({ body }: Section, names: ReadonlyMap<number, string>, vm: BuildVm): Uint8Array {
  const reader = new ByteReader(body);
  const count = reader.unsigned();
  const globals = Array.from({ length: count }, (_, index) => {
    const start = reader.offset;
    const type = reader.byte();
    const mutable = reader.byte();
    if (reader.byte() !== I32_CONST) throw compilerErrors.engine("a global does not begin as an i32 constant");
    reader.skipSigned(5);
    if (reader.byte() !== END) throw compilerErrors.engine("a global's first value is not one constant");
    const exportName = names.get(index);
    if (exportName === undefined) return body.subarray(start, reader.offset);
    const value = signedLeb128(vm.global(exportName).value);
    return Buffer.concat([Uint8Array.of(type, mutable, I32_CONST), value, Uint8Array.of(END)]);
  });
  return Buffer.concat([unsignedLeb128(count), ...globals]);
}
