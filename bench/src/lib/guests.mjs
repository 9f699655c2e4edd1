import binaryen from "binaryen";

/** Guest calls of `kv_get` in one request. */
export const READS_PER_CALL = 100;
export const READ_KEY = "bench:value";

const INFO = JSON.stringify({ name: "bench", version: "1.0.0", api_version: "1", handles: ["bench.*"] });
export const MANIFEST = {
  name: "bench",
  version: "1.0.0",
  api_version: "1",
  handles: ["bench.*"],
  kv_prefixes: ["bench:"],
  permissions: ["kv:read"],
  execution_timeout_ms: 5000,
};

/**
 * Guests in bare WebAssembly that move bytes as Extism's own kits do, by `load` and `store` in words of
 * eight bytes, so that the very same file runs on every contender.
 */
function guest(handleRequest, locals = "") {
  const text = `(module
    (import "extism:host/env" "input_length" (func $input_length (result i64)))
    (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
    (import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
    (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
    (import "extism:host/env" "free" (func $free (param i64)))
    (import "extism:host/env" "length" (func $length (param i64) (result i64)))
    (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
    (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
    (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
    (import "extism:host/user" "kv_get" (func $kv_get (param i64) (result i64)))
    (memory (export "memory") 1)
    (data (i32.const 0) "${escaped(INFO)}")
    (data (i32.const 1024) "${escaped(READ_KEY)}")
    (data (i32.const 2048) "true")
    (func $block (param $from i32) (param $length i32) (result i64) (local $handle i64) (local $i i32)
      (local.set $handle (call $alloc (i64.extend_i32_u (local.get $length))))
      (loop $next
        (if (i32.lt_u (local.get $i) (local.get $length)) (then
          (call $store_u8 (i64.add (local.get $handle) (i64.extend_i32_u (local.get $i)))
            (i32.load8_u (i32.add (local.get $from) (local.get $i))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next))))
      (local.get $handle))
    (func (export "plugin_info") (result i32)
      (call $output_set (call $block (i32.const 0) (i32.const ${INFO.length})) (i64.const ${INFO.length}))
      (i32.const 0))
    (func (export "handle_request") (result i32) ${locals} ${handleRequest} (i32.const 0)))`;
  const module = binaryen.parseText(text);
  try {
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

const escaped = (text) => text.replaceAll('"', "\\22");

/** Answers its input. */
export const echoGuest = () =>
  guest(
    `(local.set $n (call $input_length))
     (local.set $out (call $alloc (local.get $n)))
     (loop $words
       (if (i64.le_u (i64.add (local.get $i) (i64.const 8)) (local.get $n)) (then
         (call $store_u64 (i64.add (local.get $out) (local.get $i)) (call $input_load_u64 (local.get $i)))
         (local.set $i (i64.add (local.get $i) (i64.const 8)))
         (br $words))))
     (loop $bytes
       (if (i64.lt_u (local.get $i) (local.get $n)) (then
         (call $store_u8 (i64.add (local.get $out) (local.get $i)) (call $input_load_u8 (local.get $i)))
         (local.set $i (i64.add (local.get $i) (i64.const 1)))
         (br $bytes))))
     (call $output_set (local.get $out) (local.get $n))`,
    "(local $n i64) (local $out i64) (local $i i64)",
  );

/** Reads one key `READS_PER_CALL` times; answers true. */
export const readGuest = () =>
  guest(
    `(local.set $key (call $block (i32.const 1024) (i32.const ${READ_KEY.length})))
     (loop $next
       (local.set $value (call $kv_get (local.get $key)))
       (if (i64.eqz (call $length (local.get $value))) (then (unreachable)))
       (call $free (local.get $value))
       (local.set $i (i32.add (local.get $i) (i32.const 1)))
       (br_if $next (i32.lt_u (local.get $i) (i32.const ${READS_PER_CALL}))))
     (call $output_set (call $block (i32.const 2048) (i32.const 4)) (i64.const 4))`,
    "(local $key i64) (local $value i64) (local $i i32)",
  );

/** Loops for ever when its input is longer than 200 bytes, and never asks whether it should stop. */
export const stubbornGuest = () =>
  guest(
    `(loop $forever (br_if $forever (i64.gt_u (call $input_length) (i64.const 200))))
     (call $output_set (call $block (i32.const 2048) (i32.const 4)) (i64.const 4))`,
  );
