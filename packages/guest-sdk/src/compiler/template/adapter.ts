import { HOST_FUNCTIONS, type HostFunctionSpec, OPTIONAL_EXPORTS, REQUIRED_EXPORTS } from "@aspen/plugin-api/abi";

/** Intrinsics of the guest beside the host functions, by the one-byte name that the engine dispatches on. */
export const INTRINSIC_LETTERS = {
  inputJson: "J",
  output: "O",
  fail: "X",
  encode: "E",
  decode: "D",
  hide: "U",
} as const;

/** The exports of the template in the order of `run_0`, `run_1`, … */
export const TEMPLATE_EXPORTS = [...REQUIRED_EXPORTS, ...OPTIONAL_EXPORTS];

/** Globals that the snapshot fills in: pointers to values and to the engine's own state. */
export const TEMPLATE_GLOBALS = [
  ...(["g_dispatch", "g_finish", "g_rejection", "g_report"] as const),
  ...(["g_undefined", "g_context", "g_random_state"] as const),
];

/** The name under which a host function is registered in the guest: `H` and one byte for its row. */
export function registeredName(index: number): string {
  return `H${String.fromCharCode(48 + index)}`;
}

const call = (name: string, ...args: string[]) => `(call $${name} ${args.join(" ")})`;
const local = (name: string) => `(local.get $${name})`;
const op = (letter: string) => `(i32.eq (local.get $op) (i32.const ${letter.charCodeAt(0)}))`;

/** One branch of `host_call`: encodes the arguments into blocks, calls the import, decodes the result block. */
function hostFunctionBranch({ name, parameters }: HostFunctionSpec, index: number): string {
  const store = parameters.map(
    (_, at) => `
        (local.set $a${at} (call $store_value (call $argument (local.get $argc) (local.get $argv) (i32.const ${at}))))
        (if (global.get $refused) (then (return (call $refusal))))`,
  );
  const args = parameters.map((_, at) => `(local.get $a${at})`);
  const free = parameters.map(
    (_, at) => `
        (call $env_free (local.get $a${at}))`,
  );
  return `
      (if (i32.eq (local.get $op) (i32.const ${index})) (then${store.join("")}
        (local.set $handle (call $user_${name} ${args.join(" ")}))${free.join("")}
        (return (call $take_block (local.get $handle)))))`;
}

/**
 * The adapter between QuickJS and the plugin ABI, in WebAssembly text. It is generated from the ABI table: a new host
 * function is one more import and one more branch. All JavaScript values are boxes (pointers).
 *
 * QuickJS calls `host_call` for every intrinsic; the engine calls `run_N` for an export. Nothing here throws into the
 * guest: a failure becomes a number (see `Intrinsics.host`) or an error that the guest sets.
 */
export function adapterWat(): string {
  const engine = (name: string, params: string, result = "") =>
    `(import "q" "${name}" (func $${name} ${params && `(param ${params})`} ${result && `(result ${result})`}))`;
  const env = (name: string, params: string, result = "") =>
    `(import "extism:host/env" "${name}" (func $env_${name} ${params && `(param ${params})`} ${result && `(result ${result})`}))`;
  const user = (name: string, params: string, result = "") =>
    `(import "extism:host/user" "${name}" (func $user_${name} ${params && `(param ${params})`} ${result && `(result ${result})`}))`;
  const mostParameters = Math.max(...HOST_FUNCTIONS.map(({ parameters }) => parameters.length));
  const argumentLocals = Array.from({ length: mostParameters }, (_, at) => `(local $a${at} i64)`).join(" ");

  return `(module
  (import "q" "memory" (memory 0))
  ${engine("wasm_malloc", "i32", "i32")} ${engine("wasm_free", "i32")}
  ${engine("qjs_new_string", "i32 i32", "i32")} ${engine("qjs_new_uint8_array", "i32 i32", "i32")}
  ${engine("qjs_get_undefined", "", "i32")} ${engine("qjs_get_true", "", "i32")} ${engine("qjs_get_false", "", "i32")}
  ${engine("qjs_new_number", "f64", "i32")} ${engine("qjs_is_string", "i32", "i32")}
  ${engine("qjs_is_null", "i32", "i32")} ${engine("qjs_is_undefined", "i32", "i32")}
  ${engine("qjs_get_string_len", "i32 i32", "i32")} ${engine("qjs_free_cstring", "i32")}
  ${engine("qjs_free_value", "i32")} ${engine("qjs_call", "i32 i32 i32 i32", "i32")}
  ${engine("qjs_is_exception", "i32", "i32")} ${engine("qjs_get_exception", "", "i32")}
  ${engine("qjs_get_float64", "i32", "f64")}
  ${engine("qjs_is_job_pending", "", "i32")} ${engine("qjs_execute_pending_job", "", "i32")}
  ${engine("JS_GetUint8Array", "i32 i32 i64", "i32")} ${engine("JS_ParseJSON", "i32 i32 i32 i32", "i64")}
  ${engine("JS_SetIsHTMLDDA", "i32 i64")}
  ${env("input_length", "", "i64")} ${env("length", "i64", "i64")} ${env("free", "i64")}
  ${env("output_set", "i64 i64")} ${env("error_set", "i64")}
  ${user("mem_read", "i64 i32 i32")} ${user("mem_store", "i32 i32", "i64")} ${user("input_read", "i32 i32")}
  ${user("now_ns", "", "i64")} ${user("random_seed", "", "i64")} ${user("interrupted", "", "i32")}
  ${HOST_FUNCTIONS.map(({ name, parameters }) => user(name, parameters.map(() => "i64").join(" "), "i64")).join("\n  ")}
  ${TEMPLATE_GLOBALS.map((name) => `(global $${name} (export "${name}") (mut i32) (i32.const 0))`).join("\n  ")}
  (global $seeded (mut i32) (i32.const 0))
  ;; 1: a promise was rejected in this call, perhaps with nobody to handle it.
  (global $rejected (mut i32) (i32.const 0))
  ;; Bytes that the last store or read was about.
  (global $length (mut i32) (i32.const 0))
  ;; Why the last store was refused, plus one: 1 the host has no room, 2 the guest's memory is full. 0: it was not.
  (global $refused (mut i32) (i32.const 0))

  (func $refusal (result i32)
    (call $qjs_new_number (f64.convert_i32_u (i32.sub (global.get $refused) (i32.const 1)))))

  (func $argument (param $argc i32) (param $argv i32) (param $at i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $at) (local.get $argc))
      (then (i32.load (i32.add (local.get $argv) (i32.shl (local.get $at) (i32.const 2)))))
      (else (i32.const 0))))

  ;; A value (string, Uint8Array, null or nothing) as a block of the host; 0 for null or nothing.
  (func $store_value (param $value i32) (result i64)
    (local $pointer i32) (local $scratch i32) (local $handle i64)
    (global.set $refused (i32.const 0))
    (global.set $length (i32.const 0))
    (if (i32.eqz (local.get $value)) (then (return (i64.const 0))))
    (if (i32.or (call $qjs_is_null (local.get $value)) (call $qjs_is_undefined (local.get $value)))
      (then (return (i64.const 0))))
    (local.set $scratch (call $wasm_malloc (i32.const 8)))
    (if (i32.eqz (local.get $scratch)) (then (global.set $refused (i32.const 2)) (return (i64.const 0))))
    (if (call $qjs_is_string (local.get $value))
      (then
        (local.set $pointer (call $qjs_get_string_len (local.get $value) (local.get $scratch)))
        (if (i32.eqz (local.get $pointer))
          (then
            (call $wasm_free (local.get $scratch))
            (call $drop_exception)
            (global.set $refused (i32.const 2))
            (return (i64.const 0))))
        (global.set $length (i32.load (local.get $scratch)))
        (local.set $handle (call $user_mem_store (local.get $pointer) (global.get $length)))
        (call $qjs_free_cstring (local.get $pointer)))
      (else
        (local.set $pointer
          (call $JS_GetUint8Array (global.get $g_context) (local.get $scratch) (i64.load (local.get $value))))
        (global.set $length (i32.load (local.get $scratch)))
        (if (i32.eqz (local.get $pointer)) (then (global.set $length (i32.const 0)) (call $drop_exception)))
        (local.set $handle (call $user_mem_store (local.get $pointer) (global.get $length)))))
    (call $wasm_free (local.get $scratch))
    (if (i64.eqz (local.get $handle)) (then (global.set $refused (i32.const 1))))
    (local.get $handle))

  (func $drop_exception
    (call $qjs_free_value (call $qjs_get_exception)))

  ;; A block of the host as a new Uint8Array; the block is freed.
  (func $take_block (param $handle i64) (result i32)
    (local $pointer i32) (local $length i32) (local $result i32)
    (if (i64.eqz (local.get $handle)) (then (global.set $refused (i32.const 1)) (return (call $refusal))))
    (local.set $length (i32.wrap_i64 (call $env_length (local.get $handle))))
    (local.set $pointer (call $wasm_malloc (i32.add (local.get $length) (i32.const 1))))
    (if (i32.eqz (local.get $pointer))
      (then
        (call $env_free (local.get $handle))
        (global.set $refused (i32.const 2))
        (return (call $refusal))))
    (call $user_mem_read (local.get $handle) (local.get $pointer) (local.get $length))
    (call $env_free (local.get $handle))
    (local.set $result (call $qjs_new_uint8_array (local.get $pointer) (local.get $length)))
    (call $wasm_free (local.get $pointer))
    (call $thrown_when_exception (local.get $result)))

  ;; 0, which tells QuickJS that an exception is pending, when the box holds the exception mark.
  (func $thrown_when_exception (param $box i32) (result i32)
    (if (call $qjs_is_exception (local.get $box))
      (then (call $wasm_free (local.get $box)) (return (i32.const 0))))
    (local.get $box))

  (func $box (param $value i64) (result i32)
    (local $pointer i32)
    (local.set $pointer (call $wasm_malloc (i32.const 8)))
    (if (i32.eqz (local.get $pointer)) (then unreachable))
    (i64.store (local.get $pointer) (local.get $value))
    (local.get $pointer))

  (func (export "host_call") (param $name i32) (param $name_length i32) (param $this i32) (param $argc i32) (param $argv i32) (result i32)
    (local $op i32) (local $pointer i32) (local $scratch i32) (local $result i32) (local $handle i64)
    ${argumentLocals}
    (local.set $op (i32.load8_u (local.get $name)))
    (if ${op("H")} (then
      (local.set $op (i32.sub (i32.load8_u offset=1 (local.get $name)) (i32.const 48)))${HOST_FUNCTIONS.map(hostFunctionBranch).join("")}
      (return (call $qjs_get_undefined))))
    (if ${op(INTRINSIC_LETTERS.inputJson)} (then
      (global.set $length (i32.wrap_i64 (call $env_input_length)))
      (local.set $pointer (call $wasm_malloc (i32.add (global.get $length) (i32.const 1))))
      (if (i32.eqz (local.get $pointer)) (then unreachable))
      (i32.store8 (i32.add (local.get $pointer) (global.get $length)) (i32.const 0))
      (call $user_input_read (local.get $pointer) (global.get $length))
      (local.set $result (call $box
        (call $JS_ParseJSON (global.get $g_context) (local.get $pointer) (global.get $length) (local.get $name))))
      (call $wasm_free (local.get $pointer))
      (return (call $thrown_when_exception (local.get $result)))))
    (if ${op(INTRINSIC_LETTERS.output)} (then
      (local.set $handle (call $store_value (call $argument ${local("argc")} ${local("argv")} (i32.const 0))))
      (if (global.get $refused) (then (return (call $qjs_get_false))))
      ${call("env_output_set", local("handle"), "(i64.extend_i32_u (global.get $length))")}
      (return (call $qjs_get_true))))
    (if ${op(INTRINSIC_LETTERS.fail)} (then
      (local.set $handle (call $store_value (call $argument ${local("argc")} ${local("argv")} (i32.const 0))))
      (if (global.get $refused) (then (return (call $qjs_get_false))))
      ${call("env_error_set", local("handle"))}
      (return (call $qjs_get_true))))
    (if ${op(INTRINSIC_LETTERS.encode)} (then
      (local.set $scratch (call $wasm_malloc (i32.const 8)))
      (if (i32.eqz (local.get $scratch)) (then unreachable))
      (local.set $pointer (call $qjs_get_string_len (call $argument ${local("argc")} ${local("argv")} (i32.const 0)) (local.get $scratch)))
      (if (i32.eqz (local.get $pointer)) (then (call $wasm_free (local.get $scratch)) (return (i32.const 0))))
      (local.set $result (call $qjs_new_uint8_array (local.get $pointer) (i32.load (local.get $scratch))))
      (call $qjs_free_cstring (local.get $pointer))
      (call $wasm_free (local.get $scratch))
      (return (call $thrown_when_exception (local.get $result)))))
    (if ${op(INTRINSIC_LETTERS.decode)} (then
      (local.set $scratch (call $wasm_malloc (i32.const 8)))
      (if (i32.eqz (local.get $scratch)) (then unreachable))
      (local.set $pointer (call $JS_GetUint8Array (global.get $g_context) (local.get $scratch)
        (i64.load (call $argument ${local("argc")} ${local("argv")} (i32.const 0)))))
      (if (i32.eqz (local.get $pointer))
        (then
          (if (i32.load (local.get $scratch)) (then (call $wasm_free (local.get $scratch)) (return (i32.const 0))))))
      (local.set $result (call $qjs_new_string (local.get $pointer) (i32.load (local.get $scratch))))
      (call $wasm_free (local.get $scratch))
      (return (call $thrown_when_exception (local.get $result)))))
    (if ${op(INTRINSIC_LETTERS.hide)} (then
      (local.set $pointer (call $argument ${local("argc")} ${local("argv")} (i32.const 0)))
      (if (local.get $pointer) (then
        (call $JS_SetIsHTMLDDA (global.get $g_context) (i64.load (local.get $pointer)))))))
    (call $qjs_get_undefined))

  (func (export "host_interrupt") (result i32) (call $user_interrupted))
  ;; Tells the guest's own bookkeeping; without memory for that, the rejection goes unreported.
  (func (export "host_promise_rejection") (param $promise i32) (param $reason i32) (param $handled i32)
    (local $argv i32) (local $box i32)
    (local.set $argv (call $wasm_malloc (i32.const 12)))
    (if (local.get $argv) (then
      (global.set $rejected (i32.const 1))
      (local.set $box (call $qjs_new_number (f64.convert_i32_s (local.get $handled))))
      (i32.store (local.get $argv) (local.get $promise))
      (i32.store offset=4 (local.get $argv) (local.get $reason))
      (i32.store offset=8 (local.get $argv) (local.get $box))
      (call $ignore
        (call $qjs_call (global.get $g_rejection) (global.get $g_undefined) (i32.const 3) (local.get $argv)))
      (call $qjs_free_value (local.get $box))
      (call $wasm_free (local.get $argv))))
    (call $qjs_free_value (local.get $promise))
    (call $qjs_free_value (local.get $reason)))

  ;; Of a call whose failure is nobody's to hear: it was stopped, or has no memory left.
  (func $ignore (param $box i32)
    (if (call $qjs_is_exception (local.get $box)) (then (call $drop_exception)))
    (call $qjs_free_value (local.get $box)))
  (func (export "host_module_normalize") (param i32 i32) (result i32) (i32.const 0))
  (func (export "host_module_load") (param i32 i32) (result i32) (i32.const 0))
  ;; Guests live in UTC.
  (func (export "host_get_timezone_offset") (param i32 i32) (result i32) (i32.const 0))

  (func $run_jobs
    (block $done (loop $next
      (br_if $done (i32.eqz (call $qjs_is_job_pending)))
      (br_if $done (i32.lt_s (call $qjs_execute_pending_job) (i32.const 0)))
      (br $next))))

  ;; The number that a call of the dispatcher gave; when it threw instead, its message is the error and 1 the number.
  (func $number (param $box i32) (result i32)
    (local $number i32) (local $handle i64)
    (if (call $qjs_is_exception (local.get $box)) (then
      (call $qjs_free_value (local.get $box))
      (local.set $box (call $qjs_get_exception))
      (local.set $handle (call $store_message (local.get $box)))
      (call $qjs_free_value (local.get $box))
      (call $env_error_set (local.get $handle))
      (return (i32.const 1))))
    (local.set $number (i32.trunc_sat_f64_s (call $qjs_get_float64 (local.get $box))))
    (call $qjs_free_value (local.get $box))
    (local.get $number))

  ;; An exception's message as a block. Without memory for even that, the call traps.
  (func $store_message (param $value i32) (result i64)
    (local $pointer i32) (local $scratch i32) (local $handle i64)
    (local.set $scratch (call $wasm_malloc (i32.const 8)))
    (if (i32.eqz (local.get $scratch)) (then unreachable))
    (local.set $pointer (call $qjs_get_string_len (local.get $value) (local.get $scratch)))
    (if (i32.eqz (local.get $pointer)) (then unreachable))
    (local.set $handle (call $user_mem_store (local.get $pointer) (i32.load (local.get $scratch))))
    (call $qjs_free_cstring (local.get $pointer))
    (call $wasm_free (local.get $scratch))
    (if (i64.eqz (local.get $handle)) (then unreachable))
    (local.get $handle))

  (func $run (param $export i32) (result i32)
    (local $argv i32) (local $box i32) (local $state i32)
    ;; The snapshot froze Math.random's state; every instance gets its own. Zero would stay zero for ever.
    (if (i32.eqz (global.get $seeded)) (then
      (global.set $seeded (i32.const 1))
      (i64.store (global.get $g_random_state) (i64.or (call $user_random_seed) (i64.const 1)))))
    (local.set $argv (call $wasm_malloc (i32.const 4)))
    (if (i32.eqz (local.get $argv)) (then unreachable))
    (local.set $box (call $qjs_new_number (f64.convert_i32_s (local.get $export))))
    (i32.store (local.get $argv) (local.get $box))
    (local.set $state (call $number
      (call $qjs_call (global.get $g_dispatch) (global.get $g_undefined) (i32.const 1) (local.get $argv))))
    (call $qjs_free_value (local.get $box))
    (call $wasm_free (local.get $argv))
    (call $run_jobs)
    ;; 2: a promise was pending before the jobs ran.
    (if (i32.eq (local.get $state) (i32.const 2)) (then
      (loop $again
        (local.set $state (call $number
          (call $qjs_call (global.get $g_finish) (global.get $g_undefined) (i32.const 0) (i32.const 0))))
        ;; Still pending: a host call that it waited for is done, and jobs go on from there.
        (if (i32.eq (local.get $state) (i32.const 2)) (then
          (call $run_jobs)
          (br $again))))))
    (if (global.get $rejected) (then
      (global.set $rejected (i32.const 0))
      (call $ignore
        (call $qjs_call (global.get $g_report) (global.get $g_undefined) (i32.const 0) (i32.const 0)))))
    (local.get $state))
  ${TEMPLATE_EXPORTS.map((_, at) => `(func (export "run_${at}") (result i32) (call $run (i32.const ${at})))`).join("\n  ")}
)
`;
}

/** The WASI functions that QuickJS was linked against; a guest has a clock and nothing else of them. */
export function wasiWat(): string {
  const badFileDescriptor = 8;
  const notSupported = 52;
  const refuse = (name: string, params: string, errno: number) =>
    `(func (export "${name}") (param ${params}) (result i32) (i32.const ${errno}))`;
  return `(module
  (import "q" "memory" (memory 0))
  (import "extism:host/user" "now_ns" (func $now_ns (result i64)))
  (func (export "clock_time_get") (param i32 i64 i32) (result i32)
    (i64.store (local.get 2) (call $now_ns))
    (i32.const 0))
  ${refuse("fd_close", "i32", badFileDescriptor)}
  ${refuse("fd_fdstat_get", "i32 i32", badFileDescriptor)}
  ${refuse("fd_seek", "i32 i64 i32 i32", badFileDescriptor)}
  ${refuse("fd_write", "i32 i32 i32 i32", badFileDescriptor)}
  ${refuse("random_get", "i32 i32", notSupported)}
)
`;
}
