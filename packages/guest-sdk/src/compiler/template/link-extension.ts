/**
 * Links an extension of quickjs-wasi, a shared library in wasm, into the engine once and for all. It starts the engine,
 * and loads and initialises the library as the package's own loader does (`dist/extensions.js`). Their common memory
 * becomes the engine's data, so a plugin needs no loader.
 */
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { ByteReader, SECTION, signedLeb128, unsignedLeb128 } from "@aspen/plugin-api/wasm";
import { exportSection, name, readExports, readSections, type Section, writeSections } from "../wasm/binary.js";
import { dataSection, memorySection, nonZeroRanges } from "../wasm/memory-image.js";

const FUNCTION_KIND = 0;
const GLOBAL_GET = 0x23;
const I32_CONST = 0x41;
const END = 0x0b;
const ALIGNMENT = 64;

export interface LinkedFiles {
  /** Pairs of a file's name and its content. */
  files: [file: string, content: Uint8Array | string][];
  /** Arguments of wasm-merge: files in `folder` and the names of their modules. */
  mergeArguments(folder: string): string[];
  /** Exports of the engine that stay. */
  exports: ReadonlySet<string>;
}

type Exports = Record<string, WebAssembly.ExportValue>;
type WasmFunction = (...args: number[]) => number;

/** @throws Error when engine or library are not of the shape that is known */
export async function linkExtension(engine: Uint8Array, library: Uint8Array, extension: string): Promise<LinkedFiles> {
  // The library computes addresses in constant expressions; later releases of Node need no flag for that.
  if (process.versions.node.startsWith("20.")) setFlagsFromString("--experimental-wasm-extended-const");
  const exports = await start(engine);
  const base = await load(exports, library, extension);
  const engineNames = new Set(Object.keys(exports).filter((exported) => exported !== "_initialize"));
  const files: LinkedFiles["files"] = [
    ["engine.wasm", frozenEngine(engine, exports)],
    ["base.wat", base.wat],
    ["library.wasm", rewritten(library, extension, exports, base.tableBase)],
  ];
  return {
    files,
    exports: engineNames,
    mergeArguments: (folder) => [
      ...[join(folder, "engine.wasm"), "q"],
      ...[join(folder, "base.wat"), `base_${extension}`],
      ...[join(folder, "library.wasm"), extension],
    ],
  };
}

/** An engine with a context. Clock and random numbers stand still, so that the same input gives the same bytes. */
async function start(engine: Uint8Array): Promise<Exports> {
  let exports: Exports = {};
  const imports: Record<string, Record<string, WasmFunction>> = {};
  const module = await WebAssembly.compile(engine as BufferSource);
  for (const { module: from, name: imported } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][imported] = () => 0;
  }
  imports.wasi_snapshot_preview1!.clock_time_get = (_clock, _precision, at) => {
    new DataView(memoryOf(exports).buffer).setBigUint64(at!, 0n, true);
    return 0;
  };
  exports = (await WebAssembly.instantiate(module, imports)).exports;
  call(exports, "_initialize");
  call(exports, "qjs_init");
  return exports;
}

/** Loads the library into the engine, where it adds its globals. */
async function load(exports: Exports, library: Uint8Array, extension: string) {
  const module = await WebAssembly.compile(library as BufferSource);
  const { memoryBytes, tableSize } = dylinkInfo(module);
  const allocated = call(exports, "malloc", memoryBytes + ALIGNMENT);
  const memoryBase = Math.ceil(allocated / ALIGNMENT) * ALIGNMENT;
  new Uint8Array(memoryOf(exports).buffer, memoryBase, memoryBytes).fill(0);
  const table = exports.__indirect_function_table as WebAssembly.Table;
  const tableBase = table.length;
  table.grow(tableSize);
  const constant = (value: number) => new WebAssembly.Global({ value: "i32", mutable: false }, value);
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  let own: Exports = {};
  const offsets: string[] = [];
  for (const { module: from, name: imported, kind } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][imported] = ((): WebAssembly.ImportValue => {
      if (imported === "__memory_base") return constant(memoryBase);
      if (imported === "__table_base") return constant(tableBase);
      if (from.startsWith("GOT.")) {
        if (exports[imported]) throw new Error(`${extension} needs the address of ${imported}, which is not supported`);
        offsets.push(`${from}.${imported}`);
        return new WebAssembly.Global({ value: "i32", mutable: true }, 0);
      }
      if (exports[imported]) return exports[imported];
      if (kind !== "function") throw new Error(`${extension} imports the ${kind} ${imported}, which is not there`);
      // Parts of the C++ library that are imported and exported at once; those that are missing are never called.
      return (...args: number[]) => call(own, imported, ...args);
    })();
  }
  own = (await WebAssembly.instantiate(module, imports)).exports;
  for (const begin of ["__wasm_apply_data_relocs", "__wasm_call_ctors"]) if (own[begin]) call(own, begin);
  const [context, runtime] = [call(exports, "qjs_get_context_ptr"), call(exports, "qjs_get_runtime_ptr")];
  const failed = call(own, `qjs_ext_${extension}_init`, context, runtime);
  if (failed) throw new Error(`the extension ${extension} could not be initialised: ${failed}`);
  const addresses = offsets.map((offset) => `(global (export "${offset}") (mut i32) (i32.const 0))`).join(" ");
  const wat = `(module
    (global (export "__memory_base") i32 (i32.const ${memoryBase}))
    (global (export "__table_base") i32 (i32.const ${tableBase}))
    ${addresses})`;
  return { tableBase, wat };
}

/** The first entry of the section `dylink.0` (WebAssembly tool conventions): what a library needs of its host. */
function dylinkInfo(module: WebAssembly.Module): { memoryBytes: number; tableSize: number } {
  const [section] = WebAssembly.Module.customSections(module, "dylink.0");
  const reader = new ByteReader(new Uint8Array(section ?? new ArrayBuffer(0)));
  if (!section || reader.byte() !== 1) throw new Error("the extension is not a shared library");
  reader.unsigned();
  const memoryBytes = reader.unsigned();
  reader.unsigned();
  return { memoryBytes, tableSize: reader.unsigned() };
}

/** The engine with its memory and table as they are now. */
function frozenEngine(engine: Uint8Array, exports: Exports): Uint8Array {
  const memory = new Uint8Array(memoryOf(exports).buffer).slice();
  memory.fill(0, 0, (exports.__stack_pointer as WebAssembly.Global<"i32">).value);
  const ranges = nonZeroRanges(memory);
  const { length } = exports.__indirect_function_table as WebAssembly.Table;
  const sections = readSections(engine);
  const replaced: Readonly<Record<number, () => Uint8Array>> = {
    [SECTION.table]: () => Buffer.concat([Uint8Array.of(1, 0x70, 1), unsignedLeb128(length), unsignedLeb128(length)]),
    [SECTION.memory]: () => memorySection(memory.length),
    [SECTION.export]: () => exportSection(readExports(sections).filter((it) => it.name !== "_initialize")).body,
    [SECTION.dataCount]: () => unsignedLeb128(ranges.length),
    [SECTION.data]: () => dataSection(memory, ranges),
  };
  return writeSections(
    sections
      .filter(({ id }) => id !== SECTION.custom)
      .map(({ id, body }): Section => ({ id, body: replaced[id]?.() ?? body })),
  );
}

/** The library without its data, which are in the engine's memory, importing from the modules of the merge. */
function rewritten(library: Uint8Array, extension: string, engine: Exports, tableBase: number): Uint8Array {
  const sections = readSections(library);
  const own = new Set(readExports(sections).map((it) => it.name));
  const dropped = new Set<number>([SECTION.custom, SECTION.start, SECTION.data, SECTION.dataCount]);
  const moduleOf = (from: string, imported: string, kind: number): string => {
    if (from.startsWith("GOT.") || imported === "__memory_base" || imported === "__table_base")
      return `base_${extension}`;
    if (kind !== FUNCTION_KIND || engine[imported]) return "q";
    return own.has(imported) ? extension : `missing_${extension}`;
  };
  return writeSections(
    sections
      .filter(({ id }) => !dropped.has(id))
      .map(({ id, body }): Section => {
        if (id === SECTION.import) return { id, body: rewrittenImports(body, moduleOf) };
        if (id === SECTION.element) return { id, body: rewrittenElements(body, tableBase) };
        if (id !== SECTION.export) return { id, body };
        return exportSection(readExports(sections).filter((it) => it.kind === FUNCTION_KIND && !engine[it.name]));
      }),
  );
}

function rewrittenImports(body: Uint8Array, moduleOf: (from: string, imported: string, kind: number) => string) {
  const reader = new ByteReader(body);
  const count = reader.unsigned();
  const entries = Array.from({ length: count }, () => {
    const [from, imported] = [reader.name(), reader.name()];
    const start = reader.offset;
    const kind = reader.byte();
    skipImportType(reader, kind);
    const renamed = from.startsWith("GOT.") ? `${from}.${imported}` : imported;
    const target = moduleOf(from, imported, kind);
    return Buffer.concat([name(target), name(renamed), body.subarray(start, reader.offset)]);
  });
  return Buffer.concat([unsignedLeb128(count), ...entries]);
}

function skipImportType(reader: ByteReader, kind: number): void {
  if (kind === FUNCTION_KIND) {
    reader.unsigned();
  } else if (kind === 3) {
    reader.skip(2);
  } else {
    if (kind === 1) reader.byte();
    const limits = reader.byte();
    reader.unsigned();
    if (limits & 1) reader.unsigned();
  }
}

/** One segment at the table base, whose value is known now. */
function rewrittenElements(body: Uint8Array, tableBase: number): Uint8Array {
  const reader = new ByteReader(body);
  const [count, kind, instruction] = [reader.unsigned(), reader.byte(), reader.byte()];
  reader.unsigned();
  if (count !== 1 || kind !== 0 || instruction !== GLOBAL_GET || reader.byte() !== END) {
    throw new Error("the extension's elements are not one segment at its table base");
  }
  const at = Buffer.concat([Uint8Array.of(1, 0, I32_CONST), signedLeb128(tableBase), Uint8Array.of(END)]);
  return Buffer.concat([at, body.subarray(reader.offset)]);
}

function memoryOf(exports: Exports): WebAssembly.Memory {
  return exports.memory as WebAssembly.Memory;
}

function call(exports: Exports, exported: string, ...args: number[]): number {
  const found = exports[exported];
  if (typeof found !== "function") throw new Error(`there is no function ${exported}`);
  return (found as WasmFunction)(...args);
}
