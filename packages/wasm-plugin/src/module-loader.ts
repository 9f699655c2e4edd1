import { ENGINE_IMPORTS, HOST_FUNCTIONS, OPTIONAL_EXPORTS, REQUIRED_EXPORTS } from "@aspen/plugin-api";
import { SOURCE_MAP_SECTION } from "@aspen/plugin-api/abi";
import { SECTION, WASM_HEADER } from "@aspen/plugin-api/wasm";
import { wasmErrors } from "./errors.js";
import type { ModuleCache } from "./module-cache.js";
import type { ModuleData } from "./protocol/module-data.js";
import { splitModule } from "./split-module.js";
import { readSections } from "./validation/sections.js";
import { limitMemory } from "./wasm-limits.js";

/** Functions of Extism's own module that a guest may import. */
const EXTISM_IMPORTS = [
  ...["alloc", "free", "length", "length_unsafe", "load_u8", "load_u64", "store_u8", "store_u64"],
  ...["input_length", "input_load_u8", "input_load_u64", "output_set", "error_set", "error_get"],
  ...["log_trace", "log_debug", "log_info", "log_warn", "log_error", "get_log_level"],
];

const ALLOWED_IMPORTS: Readonly<Record<string, ReadonlySet<string>>> = {
  "extism:host/env": new Set(EXTISM_IMPORTS),
  "extism:host/user": new Set<string>([...ENGINE_IMPORTS, ...HOST_FUNCTIONS.map(({ name }) => name)]),
};

/** What a module may import, and which functions it exports. */
export interface ModuleShape {
  readonly imports: Readonly<Record<string, ReadonlySet<string>>>;
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

const PLUGIN: ModuleShape = { imports: ALLOWED_IMPORTS, required: REQUIRED_EXPORTS, optional: OPTIONAL_EXPORTS };

/** Of a module that is no plugin: it can write to the log, and reach nothing else. */
export function moduleShape(exported: string): ModuleShape {
  const user = new Set<string>([...ENGINE_IMPORTS, "log_write"]);
  return { imports: { ...ALLOWED_IMPORTS, "extism:host/user": user }, required: [exported], optional: [] };
}

/** Characters of the file's own text that are shown. */
const TEXT_MAX = 200;

/** Exports that the engine runs when it makes an instance, before its data could be written. */
const RUN_FIRST: ReadonlySet<string> = new Set(["_initialize", "_start", "hs_init"]);

/** A compiled module that every worker shares. */
export interface LoadedModule {
  /** Plugins whose code and globals are the same, as with one SDK they may be, and that have one memory limit, share one. */
  module: WebAssembly.Module;
  /** What is written into the memory of each instance; null when the module does it itself. */
  data: ModuleData | null;
  /** A module with the plugin's custom sections and nothing else. */
  customs: WebAssembly.Module;
  /** The lifecycle functions it exports. */
  exports: readonly string[];
}

/**
 * Writes the memory maximum into a plugin's wasm, which was verified, compiles it and checks what it imports and exports.
 *
 * @throws AspenError `WASM_INVALID` naming the export or import at fault
 */
export async function loadModule(
  plugin: string,
  wasm: Uint8Array,
  memoryBytes: number,
  cache: ModuleCache,
  { imports: allowed, required, optional }: ModuleShape = PLUGIN,
): Promise<LoadedModule> {
  let compiled: Pick<LoadedModule, "module" | "data" | "customs">;
  try {
    const limited = limitMemory(wasm, memoryBytes);
    const whole = async () => ({ module: await cache.compile(limited), data: null });
    const customs = new WebAssembly.Module(customSections(wasm) as BufferSource);
    compiled = { ...((await shared(limited, cache)) ?? (await whole())), customs };
  } catch (error) {
    throw wasmErrors.invalid(plugin, short(error instanceof Error ? error.message : String(error)));
  }
  const { module } = compiled;
  const imports = WebAssembly.Module.imports(module);
  for (const { module: from, name, kind } of imports) {
    if (kind !== "function" || !allowed[from]?.has(name)) {
      throw wasmErrors.invalid(
        plugin,
        `it imports ${kind} ${JSON.stringify(short(`${from}.${name}`))}, which this node does not offer`,
      );
    }
  }
  const functions = new Set(
    WebAssembly.Module.exports(module)
      .filter(({ kind }) => kind === "function")
      .map(({ name }) => name),
  );
  const missing = required.filter((name) => !functions.has(name));
  if (missing.length > 0) throw wasmErrors.invalid(plugin, `it lacks the export ${short(missing.join(" and "))}`);
  return {
    ...compiled,
    exports: [...required, ...optional].filter((name) => functions.has(name)),
  };
}

/** The module apart from its data, so that plugins share it; null when the two cannot be parted. */
async function shared(wasm: Uint8Array, cache: ModuleCache): Promise<Pick<LoadedModule, "module" | "data"> | null> {
  const split = splitModule(wasm, SOURCE_MAP_SECTION);
  if (!split) return null;
  let module: WebAssembly.Module;
  try {
    module = await cache.compile(split.code);
  } catch {
    // Its code names segments that are not there now, or the file is invalid: compiling all of it tells which.
    return null;
  }
  const exports = WebAssembly.Module.exports(module);
  const reachable = exports.some(({ name, kind }) => name === "memory" && kind === "memory");
  if (!reachable || exports.some(({ name }) => RUN_FIRST.has(name))) return null;
  return { module, data: split.data };
}

function customSections(wasm: Uint8Array): Uint8Array {
  const customs = readSections(wasm).filter(({ id }) => id === SECTION.custom);
  return Buffer.concat([Uint8Array.from(WASM_HEADER), ...customs.map(({ start, end }) => wasm.subarray(start, end))]);
}

/** Text of a foreign file, for a message. */
function short(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
}
