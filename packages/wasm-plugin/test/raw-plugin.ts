import binaryen from "binaryen";

/** The manifest of {@link rawPlugin}. */
export const RAW_MANIFEST = {
  name: "raw",
  version: "1.0.0",
  api_version: "1",
  handles: ["raw.call"],
  execution_timeout_ms: 200,
  memory_limit: 2 * 1024 * 1024,
};

const INFO = JSON.stringify({ name: "raw", version: "1.0.0", api_version: "1", handles: ["raw.call"] });

const { Features } = binaryen;
/** Without these binaryen leaves out what they need: the count of data segments, declared elements. */
const FEATURES =
  Features.MutableGlobals |
  Features.SignExt |
  Features.NontrappingFPToInt |
  Features.BulkMemory |
  Features.ReferenceTypes |
  Features.Multivalue;

export function wat(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  try {
    module.setFeatures(FEATURES);
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

export interface RawPluginOptions {
  /** Limits of the memory, in pages. @default "1" */
  memory?: string;
  /** Further fields of the module. @default none */
  fields?: string;
  /** Further imports. @default none */
  imports?: string;
  /** What comes first in `plugin_info`. @default nothing */
  info?: string;
}

/**
 * A plugin in bare WebAssembly that does not poll: `plugin_info` is proper, `handle_request` is the text given. It
 * may call `$answer`, which answers the plugin's info; `$spin`, which takes as many milliseconds; and `$exists`,
 * which is 1 while the store has a value under `raw:x`.
 */
export function rawPlugin(
  handleRequest: string,
  { memory = "1", fields = "", info = "", imports = "" }: RawPluginOptions = {},
): Uint8Array {
  return wat(`(module
    (import "extism:host/user" "mem_store" (func $store (param i32 i32) (result i64)))
    (import "extism:host/env" "output_set" (func $output (param i64 i64)))
    (import "extism:host/env" "error_set" (func $error (param i64)))
    (import "extism:host/env" "length" (func $length (param i64) (result i64)))
    (import "extism:host/user" "kv_put" (func $kv_put (param i64 i64 i64) (result i64)))
    (import "extism:host/user" "kv_get" (func $kv_get (param i64) (result i64)))
    (import "extism:host/user" "now_ns" (func $now (result i64)))
    ${imports}
    (memory (export "memory") ${memory})
    (data (i32.const 0) "${INFO.replaceAll('"', "\\22")}")
    (data (i32.const 512) "\\ff\\fe")
    (data (i32.const 520) "raw:x")
    ${fields}
    (func $answer (result i32)
      (call $output (call $store (i32.const 0) (i32.const ${INFO.length})) (i64.const ${INFO.length}))
      (i32.const 0))
    (func $spin (param $ms i64)
      (local $end i64)
      (local.set $end (i64.add (call $now) (i64.mul (local.get $ms) (i64.const 1000000))))
      (loop $more (br_if $more (i64.lt_u (call $now) (local.get $end)))))
    (func $exists (result i32)
      (i64.gt_u (call $length (call $kv_get (call $store (i32.const 520) (i32.const 5)))) (i64.const 1)))
    (func (export "plugin_info") (result i32) ${info} (call $answer))
    (func $recurse (param i32) (result i32)
      (i32.add (call $recurse (local.get 0)) (i32.const 1)))
    (func (export "handle_request") (result i32) ${handleRequest}))`);
}
