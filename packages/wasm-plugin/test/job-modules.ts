import { wat } from "./raw-plugin.js";

const IMPORTS = `
  (import "extism:host/user" "mem_store" (func $store (param i32 i32) (result i64)))
  (import "extism:host/user" "input_read" (func $read (param i32 i32)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error (param i64)))
  (import "extism:host/user" "log_write" (func $log (param i64) (result i64)))`;

interface Parts {
  /** Further fields of the module. @default none */
  fields?: string;
  /** Further imports. @default none */
  imports?: string;
}

/** A module that is no plugin, whose `run` is the text given: it leaves the status. `$echo` answers with the input. */
export function jobModule(run: string, { fields = "", imports = "" }: Parts = {}): Uint8Array {
  return wat(`(module ${IMPORTS} ${imports}
    (memory (export "memory") 2)
    ${fields}
    (func $echo (result i32)
      (local $n i32)
      (local.set $n (i32.wrap_i64 (call $length)))
      (call $read (i32.const 4096) (local.get $n))
      (call $output (call $store (i32.const 4096) (local.get $n)) (i64.extend_i32_u (local.get $n)))
      (i32.const 0))
    (func $say (param $at i32) (param $n i32)
      (drop (call $log (call $store (local.get $at) (local.get $n)))))
    (func (export "run") (result i32) ${run}))`);
}

/** Text at an offset of the memory, and the call that logs it. */
export function logged(record: object, at = 64): { fields: string; say: string } {
  const json = JSON.stringify(record);
  return {
    fields: `(data (i32.const ${at}) "${json.replaceAll('"', "\\22")}")`,
    say: `(call $say (i32.const ${at}) (i32.const ${json.length}))`,
  };
}

export const FOREVER = "(loop $more (br $more)) (i32.const 0)";
