import { createSlotBuffer } from "../protocol/channel.js";
import type { LoadMessage } from "../protocol/messages.js";
import { createRingBuffer } from "../protocol/ring.js";

/**
 * A guest that answers "null":
 *
 *     (module
 *       (import "extism:host/env" "input_length" (func $input_length (result i64)))
 *       (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
 *       (import "extism:host/user" "mem_store" (func $mem_store (param i32 i32) (result i64)))
 *       (memory (export "memory") 1)
 *       (data (i32.const 0) "null")
 *       (func $answer (export "handle_request") (result i32)
 *         (drop (call $input_length))
 *         (call $output_set (call $mem_store (i32.const 0) (i32.const 4)) (i64.const 4))
 *         (i32.const 0))
 *       (export "plugin_info" (func $answer)))
 */
const GUEST =
  "AGFzbQEAAAABFARgAAF+YAJ+fgBgAn9/AX5gAAF/AloDD2V4dGlzbTpob3N0L2VudgxpbnB1dF9sZW5ndGgAAA9leHRpc206aG9zdC9lbnYK" +
  "b3V0cHV0X3NldAABEGV4dGlzbTpob3N0L3VzZXIJbWVtX3N0b3JlAAIDAgEDBQMBAAEHKQMGbWVtb3J5AgAOaGFuZGxlX3JlcXVlc3QAAwtw" +
  "bHVnaW5faW5mbwADChMBEQAQABpBAEEEEAJCBBABQQALCwoBAEEACwRudWxs";

/**
 * What a thread loads before it has a plugin. Its own code and the engine's are compiled then, before a caller waits.
 * Without it, the first call after a worker was replaced takes twice as long.
 */
export function rehearsal(): LoadMessage {
  return {
    type: "load",
    plugin: "rehearsal",
    module: new WebAssembly.Module(Buffer.from(GUEST, "base64")),
    data: null,
    slot: createSlotBuffer(),
    calls: createRingBuffer(1024),
    results: createRingBuffer(1024),
    grant: { plugin: "rehearsal", permissions: [], kvPrefixes: [] },
    config: {},
    systemClock: true,
    memoryBytes: 65_536,
    timeoutMs: 1000,
    isolation: "instance",
    entry: null,
  };
}
