import { type HostFunctionPermission, hostIn, nameIn, type PermissionByArgument } from "./required-permission.js";

/**
 * The ABI table: the one source of a host function. The worker's imports, the serving side, the guest
 * SDK's wrappers, the documentation and the tests are all generic over it.
 *
 * On the wire (module `extism:host/user`) every parameter is an i64 handle of an Extism memory block and
 * the result is an i64 handle of a block: one tag byte (`RESULT_*`), then the result in its kind's encoding.
 */

/**
 * How a parameter is encoded in its block.
 * - `string`: UTF-8
 * - `bytes`: as they are
 * - `bytes?`: as they are; handle 0 stands for absent
 * - `json`: a JSON text in UTF-8
 * - `json?`: the same; handle 0, or a guest that passes fewer parameters, stands for absent
 * - `envelope`: JSON plus attached bytes (see `envelope.ts`)
 */
export type ParameterKind = "string" | "bytes" | "bytes?" | "json" | "json?" | "envelope";

/**
 * How a result is encoded after the tag byte.
 * - `unit`: nothing
 * - `u64`: 8 bytes, little-endian, at most 2^53-1
 * - `bool`: one byte, 0 or 1
 * - `string`, `bytes`, `json`, `envelope`: as for parameters
 * - `entry`: version (8 bytes, little-endian), then the value's bytes; absent is `RESULT_NOT_FOUND`
 */
export type ResultKind = "unit" | "u64" | "bool" | "string" | "bytes" | "json" | "envelope" | "entry";

/**
 * What a call does to what the node keeps.
 * - `read`: it reads from a store
 * - `write`: it may change a store, so that what was read before may be out of date
 * - `none`: neither
 */
export type HostEffect = "read" | "write" | "none";

/**
 * What a call does at a plugin's top level, which runs when the plugin is built: there is no host then.
 * - `accepted`: nothing, and it succeeds; only a result of kind `unit` allows it
 * - `throws`: it throws; a top level that catches the error builds
 * - `fails`: it throws, and the build fails even when nobody looks at the error
 */
export type AtBuild = "accepted" | "throws" | "fails";

/** One row. A new host function is one row here and one method in its family of `plugin-host/src/host-context`. */
export interface HostFunctionSpec {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly kind: ParameterKind }[];
  readonly result: ResultKind;
  /** Permission it needs; see `requiredPermission` for those of which the arguments are a part. */
  readonly permission: HostFunctionPermission;
  readonly effect: HostEffect;
  readonly atBuild: AtBuild;
  /**
   * True: every tier answers it without waiting, so that the SDK's function for it is no promise.
   * @default false
   */
  readonly immediate?: true;
  /**
   * True: it may take long, and several of one call may be under way at once: by `call_submit`, then `call_wait`.
   * @default false
   */
  readonly overlaps?: true;
  /** API version that introduced it. */
  readonly since: string;
  readonly summary: string;
}

const p = (name: string, kind: ParameterKind) => ({ name, kind });

/** That of the job type in the first parameter. */
const JOB_TYPE: PermissionByArgument = { family: "jobs:submit:", argument: "type", of: ([type]) => nameIn(type) };

export const HOST_FUNCTIONS = [
  {
    name: "kv_get",
    parameters: [p("key", "string")],
    result: "entry",
    permission: "kv:read",
    effect: "read",
    atBuild: "fails",
    since: "1",
    summary: "One entry, or not found.",
  },
  {
    name: "kv_get_many",
    parameters: [p("keys", "json")],
    result: "envelope",
    permission: "kv:read",
    effect: "read",
    atBuild: "fails",
    since: "1",
    summary: "`[[version, valueLength] | null, …]` in the order of the keys (`string[]`); values attached.",
  },
  {
    name: "kv_put",
    parameters: [p("key", "string"), p("value", "bytes"), p("options", "json")],
    result: "u64",
    permission: "kv:write",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary: "Stores a value; options `{ttlMs?}`; returns the new version.",
  },
  {
    name: "kv_delete",
    parameters: [p("key", "string")],
    result: "bool",
    permission: "kv:write",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary: "Deletes a key; true when it was there.",
  },
  {
    name: "kv_scan",
    parameters: [p("options", "json")],
    result: "envelope",
    permission: "kv:read",
    effect: "read",
    atBuild: "fails",
    since: "1",
    summary:
      "Options `{prefix, after?, limit?, reverse?, keysOnly?}`; returns `{entries: [[key, version, valueLength], …], cursor?}`, values attached.",
  },
  {
    name: "kv_cas",
    parameters: [p("key", "string"), p("expected", "bytes?"), p("next", "bytes?"), p("options", "json?")],
    result: "envelope",
    permission: "kv:write",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary:
      "Compare-and-swap; absent stands for no value. Options `{ttlMs?}` when a value is stored; without it the entry does not expire. Returns `{ok: true, version}` or `{ok: false, actual: [version, valueLength] | null}`, the actual value attached.",
  },
  {
    name: "kv_transact",
    parameters: [p("transaction", "envelope")],
    result: "envelope",
    permission: "kv:write",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary:
      '`{checks: [{key, version?: number, valueLength?: number, absent?: true}], ops: [{op: "put", key, valueLength, ttlMs?} | {op: "delete", key} | {op: "append", prefix, valueLength, ttlMs?}]}`, values attached in that order. An append is stored under its prefix, the version (16 hexadecimal digits), `-` and its place in `ops` (4 digits). Returns `{ok: true, version, appended: [key, …]}`, with the key of each append, or `{ok: false, failed: index}`. With `events: […]`, at most 100 as `events_emit` takes them, whose data comes last, it emits them in the namespace of the keys; that needs `events:emit` too, and their ids are the answer\'s `emitted`.',
  },
  {
    name: "events_emit",
    parameters: [p("event", "envelope")],
    result: "string",
    permission: "events:emit",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary:
      "Emits an event `{topic, namespace?, subject?, contentType?, attributes?, dataLength?}`, its data of at most 64 KiB attached, in a namespace that is the plugin's as a whole; without one, in the first. Returns its id.",
  },
  {
    name: "timers_set",
    parameters: [p("name", "string"), p("timer", "json")],
    result: "unit",
    permission: "timers",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary:
      "Adds a timer or changes it: one of `everyMs`, `cron` (with `timeZone?`) and `at`, and `payload?`, `catchUp?`, `jitterMs?`. It ticks once in the cluster, at most once a second. At most 64 are not over.",
  },
  {
    name: "timers_cancel",
    parameters: [p("name", "string")],
    result: "bool",
    permission: "timers",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary: "Cancels a timer that the plugin set; true when it was there.",
  },
  {
    name: "timers_list",
    parameters: [],
    result: "json",
    permission: "timers",
    effect: "read",
    atBuild: "fails",
    since: "1",
    summary:
      'Those that are not over, by name: `[{name, origin: "manifest" | "set", everyMs? | cron?, timeZone? | at?, payload, catchUp, jitterMs, lastAt, nextAt}]`.',
  },
  {
    name: "blob_put",
    parameters: [p("data", "bytes")],
    result: "string",
    permission: "blob:write",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary: "Stores a blob; returns its BLAKE3 hash in hexadecimal.",
  },
  {
    name: "blob_get",
    parameters: [p("hash", "string")],
    result: "bytes",
    permission: "blob:read",
    effect: "read",
    atBuild: "fails",
    since: "1",
    summary: "A blob's bytes, or not found.",
  },
  {
    name: "blob_has",
    parameters: [p("hash", "string")],
    result: "bool",
    permission: "blob:read",
    effect: "read",
    atBuild: "fails",
    since: "1",
    summary: "True when the blob is stored.",
  },
  {
    name: "blob_open",
    parameters: [p("hash", "string"), p("options", "json")],
    result: "json",
    permission: "blob:read",
    effect: "read",
    atBuild: "fails",
    since: "1",
    summary:
      "Opens a blob to be read in parts; options `{start?, end?}`, the first byte and the one after the last. Returns `{handle, size}` with the size of the whole blob, or not found. At most 16 blobs are open in parts in one call, and 64 of one plugin on a node; with the end of the call they are closed. Only while the plugin answers a request, a timer or an event.",
  },
  {
    name: "blob_read",
    parameters: [p("handle", "json"), p("most", "json?")],
    result: "bytes",
    permission: "blob:read",
    effect: "read",
    atBuild: "fails",
    since: "1",
    summary:
      "The next bytes of a blob that is open, at most `most` and at most 1 MiB; none at its end. Fewer do not mean the end.",
  },
  {
    name: "blob_create",
    parameters: [],
    result: "u64",
    permission: "blob:write",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary:
      "Begins a blob that is written in parts; returns its handle. Nobody sees it before `blob_commit`. The limits are those of `blob_open`.",
  },
  {
    name: "blob_write",
    parameters: [p("handle", "json"), p("data", "bytes")],
    result: "unit",
    permission: "blob:write",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary: "Adds bytes to a blob that was begun; returns when there is room for more.",
  },
  {
    name: "blob_commit",
    parameters: [p("handle", "json")],
    result: "string",
    permission: "blob:write",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary: "Stores what was written as a blob, and closes the handle; returns its BLAKE3 hash in hexadecimal.",
  },
  {
    name: "blob_close",
    parameters: [p("handle", "json")],
    result: "bool",
    permission: null,
    effect: "none",
    atBuild: "fails",
    since: "1",
    summary:
      "Closes a blob that is open; true when it was. What is written and not committed is forgotten, as it is when the call ends or the node dies.",
  },
  {
    name: "rpc_call",
    parameters: [p("method", "string"), p("params", "json"), p("options", "json")],
    result: "json",
    permission: { family: "rpc:call:", argument: "method", of: ([method]) => nameIn(method) },
    effect: "write",
    atBuild: "fails",
    overlaps: true,
    since: "1",
    summary:
      "Calls a method, of any node that serves it; options `{timeoutMs?}`, which the time that is left of the plugin's own call bounds. The caller is the plugin, granted what it and its own caller both are: methods by `rpc:call:`, keys by its prefixes. Plugins call each other eight deep at most, and never in a ring. Only while the plugin answers a request, a timer or an event.",
  },
  {
    name: "call_submit",
    parameters: [p("function", "string"), p("arguments", "envelope")],
    result: "u64",
    permission: null,
    effect: "none",
    atBuild: "fails",
    since: "1",
    summary:
      "Begins another host function, one that overlaps (`rpc_call`, `http_open`, `http_read`), and returns a ticket for `call_wait`. `{lengths: [number | null, …]}` says which parameters are attached and how long they are. What it needs is checked as for any call of it. At most 64 are under way in one call of the plugin, with whose end they end.",
  },
  {
    name: "call_wait",
    parameters: [p("tickets", "json")],
    result: "envelope",
    permission: null,
    effect: "none",
    atBuild: "fails",
    since: "1",
    summary:
      "Waits until one of these tickets (`number[]`) is done; returns `{ticket}` and, attached, the result of its function with its tag. A ticket is good once.",
  },
  {
    name: "http_open",
    parameters: [p("url", "string"), p("request", "envelope")],
    result: "json",
    permission: { family: "http:", argument: "host", of: ([url]) => hostIn(url) },
    effect: "none",
    atBuild: "fails",
    overlaps: true,
    since: "1",
    summary:
      'Sends an HTTP request `{method?, headers?: [[name, value], …], redirect?: "follow" | "error" | "manual", timeoutMs?, bodyLength?}`, the body of at most 16 MiB attached. Returns `{handle, status, url, headers: [[name, value], …]}` once the headers of the answer are there. A name must resolve to public addresses; others are reached when the permission names them as addresses. At most five redirects are followed, each to a host that the plugin may ask. At most 64 answers are open in one call of the plugin, with whose end they end. Only while the plugin answers a request, a timer or an event.',
  },
  {
    name: "http_read",
    parameters: [p("handle", "json")],
    result: "bytes",
    permission: null,
    effect: "none",
    atBuild: "fails",
    overlaps: true,
    since: "1",
    summary: "The next part of an answer's body, or not found at its end, which closes it. A body has at most 64 MiB.",
  },
  {
    name: "http_close",
    parameters: [p("handle", "json")],
    result: "unit",
    permission: null,
    effect: "none",
    atBuild: "fails",
    since: "1",
    summary: "Closes an answer that is not read to its end.",
  },
  {
    name: "signing_sign",
    parameters: [p("data", "bytes")],
    result: "bytes",
    permission: "signing",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary:
      "The Ed25519 signature, 64 bytes, of `aspen plugin signature v1:`, the plugin's name, a zero byte and the data of at most 1 MiB.",
  },
  {
    name: "signing_verify",
    parameters: [p("data", "bytes"), p("signature", "bytes"), p("plugin", "string")],
    result: "bool",
    permission: "signing",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary: "True when the plugin of that name signed the data on a node of this store.",
  },
  {
    name: "signing_public_key",
    parameters: [p("plugin", "string")],
    result: "bytes",
    permission: "signing",
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary: "The 32 bytes of a plugin's public key.",
  },
  {
    name: "cluster_info",
    parameters: [],
    result: "json",
    permission: "cluster:info",
    effect: "none",
    atBuild: "fails",
    since: "1",
    summary:
      "`{self, nodes: [{id, version, state, healthy, features}]}`: the nodes that share the store, as this one sees them.",
  },
  {
    name: "jobs_submit",
    parameters: [p("type", "string"), p("payload", "json"), p("options", "json")],
    result: "json",
    permission: JOB_TYPE,
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary:
      "Submits a job with a payload of at most 64 KiB; options `{priority?, delayMs?, timeoutMs?, attempts?, backoff?, maxStalls?, idempotencyKey?, dependsOn?, onDependencyFailure?, allowUnknown?}`, as in `job.submit`. Returns `{id, created}`.",
  },
  {
    name: "jobs_get",
    parameters: [p("type", "string"), p("id", "string")],
    result: "json",
    permission: JOB_TYPE,
    effect: "read",
    atBuild: "fails",
    since: "1",
    summary: "A job of the type that the plugin submitted, as `job.get` shows it, or not found.",
  },
  {
    name: "jobs_cancel",
    parameters: [p("type", "string"), p("id", "string"), p("options", "json")],
    result: "json",
    permission: JOB_TYPE,
    effect: "write",
    atBuild: "fails",
    since: "1",
    summary:
      "Cancels a job of the type that the plugin submitted; options `{reason?}`. Returns it as `job.get` shows it.",
  },
  {
    name: "log_write",
    parameters: [p("record", "json")],
    result: "unit",
    permission: null,
    effect: "none",
    atBuild: "accepted",
    since: "1",
    summary:
      '`{level: "debug" | "info" | "warn" | "error", message, fields?}` to the node\'s log under the plugin\'s name.',
  },
  {
    name: "clock_now",
    parameters: [],
    result: "u64",
    permission: null,
    effect: "none",
    atBuild: "throws",
    immediate: true,
    since: "1",
    summary: "Milliseconds since the Unix epoch.",
  },
  {
    name: "random_bytes",
    parameters: [p("length", "json")],
    result: "bytes",
    permission: "randomness",
    effect: "none",
    atBuild: "throws",
    since: "1",
    summary: "Cryptographically secure random bytes.",
  },
  {
    name: "config_get",
    parameters: [],
    result: "json",
    permission: null,
    effect: "none",
    atBuild: "throws",
    since: "1",
    summary: "The plugin's configuration as installed, a JSON object.",
  },
] as const satisfies readonly HostFunctionSpec[];

type Row = (typeof HOST_FUNCTIONS)[number];
export type HostFunctionName = Row["name"];
/** The host functions that are `immediate`. */
export type ImmediateHostFunctionName = Extract<Row, { immediate: true }>["name"];

/** The host functions that overlap. */
export type OverlappingHostFunctionName = Extract<Row, { overlaps: true }>["name"];

/**
 * Imports of the engine itself, beside the table, also under `extism:host/user`. None needs a permission.
 * - `mem_read(handle i64, destination i32, length i32)`: copies a block's first bytes into the guest's memory
 * - `mem_store(source i32, length i32) -> i64`: makes a block of the guest's bytes
 * - `input_read(destination i32, length i32)`: copies the call's input into the guest's memory
 * - `now_ns() -> i64`: wall clock, nanoseconds since the Unix epoch
 * - `random_seed() -> i64`: 64 random bits to seed a guest's `Math.random` per instance
 * - `interrupted() -> i32`: 1 when the call must stop; polled by the engine
 */
export const ENGINE_IMPORTS = ["mem_read", "mem_store", "input_read", "now_ns", "random_seed", "interrupted"] as const;

const IMMEDIATE = new Set<string>(HOST_FUNCTIONS.filter((spec) => "immediate" in spec).map(({ name }) => name));

/** True when every tier answers this host function without waiting. */
export function isImmediate(name: string): name is ImmediateHostFunctionName {
  return IMMEDIATE.has(name);
}

/** The row of a host function; undefined for any other name. */
export function findHostFunction(name: string): HostFunctionSpec | undefined {
  return HOST_FUNCTIONS.find((spec) => spec.name === name);
}
