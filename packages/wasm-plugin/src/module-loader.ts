import { ENGINE_IMPORTS, HOST_FUNCTIONS, LIMITS, OPTIONAL_EXPORTS, REQUIRED_EXPORTS } from "@aspen/plugin-api";
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

/** A compiled module that every worker shares. */
export interface LoadedModule {
  module: WebAssembly.Module;
  /** The lifecycle functions it exports. */
  exports: readonly string[];
}

/**
 * Checks a plugin's wasm, writes its memory maximum and compiles it.
 *
 * @throws AspenError `PAYLOAD_TOO_LARGE`, or `WASM_INVALID` naming the export or import at fault
 */
export async function loadModule(plugin: string, wasm: Uint8Array, memoryBytes: number): Promise<LoadedModule> {
  if (wasm.length > LIMITS.wasmBytes) throw wasmErrors.tooLarge(plugin, wasm.length);
  let module: WebAssembly.Module;
  try {
    module = await WebAssembly.compile(limitMemory(wasm, memoryBytes) as BufferSource);
  } catch (error) {
    throw wasmErrors.invalid(plugin, error instanceof Error ? error.message : String(error));
  }
  const imports = WebAssembly.Module.imports(module);
  for (const { module: from, name, kind } of imports) {
    if (kind !== "function" || !ALLOWED_IMPORTS[from]?.has(name)) {
      throw wasmErrors.invalid(
        plugin,
        `it imports ${kind} ${JSON.stringify(`${from}.${name}`)}, which this node does not offer`,
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
