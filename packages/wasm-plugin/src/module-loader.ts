import { ENGINE_IMPORTS, HOST_FUNCTIONS, OPTIONAL_EXPORTS, REQUIRED_EXPORTS } from "@aspen/plugin-api";
import { wasmErrors } from "./errors.js";
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

/** Characters of the file's own text that are shown. */
const TEXT_MAX = 200;

/** A compiled module that every worker shares. */
export interface LoadedModule {
  module: WebAssembly.Module;
  /** The lifecycle functions it exports. */
  exports: readonly string[];
}

/**
 * Writes the memory maximum into a plugin's wasm, which was verified, compiles it and checks what it imports and exports.
 *
 * @throws AspenError `WASM_INVALID` naming the export or import at fault
 */
export async function loadModule(plugin: string, wasm: Uint8Array, memoryBytes: number): Promise<LoadedModule> {
  let module: WebAssembly.Module;
  try {
    module = await WebAssembly.compile(limitMemory(wasm, memoryBytes) as BufferSource);
  } catch (error) {
    throw wasmErrors.invalid(plugin, short(error instanceof Error ? error.message : String(error)));
  }
  const imports = WebAssembly.Module.imports(module);
  for (const { module: from, name, kind } of imports) {
    if (kind !== "function" || !ALLOWED_IMPORTS[from]?.has(name)) {
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
  const missing = REQUIRED_EXPORTS.filter((name) => !functions.has(name));
  if (missing.length > 0) throw wasmErrors.invalid(plugin, `it lacks the export ${missing.join(" and ")}`);
  return {
    module,
    exports: [...REQUIRED_EXPORTS, ...OPTIONAL_EXPORTS].filter((name) => functions.has(name)),
  };
}

/** Text of a foreign file, for a message. */
function short(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
}
