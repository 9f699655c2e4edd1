import { type GuestExport, OPTIONAL_EXPORTS, REQUIRED_EXPORTS } from "@aspen/plugin-api/abi";
import type { PluginGrant } from "@aspen/plugin-host";
import type { WorkerReader } from "@aspen/storage";
import type { GuestInput } from "./guest-input.js";
import type { ModuleData } from "./module-data.js";
import type { Ring } from "./ring.js";

/** What a worker thread is born with. */
export interface WorkerData {
  reader: WorkerReader | null;
}

/** Makes a booted worker the home of one plugin instance. */
export interface LoadMessage {
  type: "load";
  plugin: string;
  module: WebAssembly.Module;
  /** What is written into the memory of each instance. */
  data: ModuleData | null;
  slot: SharedArrayBuffer;
  /** Ring of calls, written by the main thread; its flag is up while the worker sleeps. */
  calls: SharedArrayBuffer;
  /** Ring of results, written by the worker; its flag is up while a `results` message is under way. */
  results: SharedArrayBuffer;
  grant: PluginGrant;
  config: Record<string, unknown>;
  /** The node's clock is the system's, which the thread reads itself. */
  systemClock: boolean;
  /** Most linear memory, a whole number of pages. */
  memoryBytes: number;
  timeoutMs: number;
  isolation: "instance" | "call";
  /** What is called of a module that is no plugin: it has no start, and a fresh instance for each call. Null: a plugin. */
  entry: ModuleEntry | null;
}

/** The one export of a module that is called, in place of `handle_request`. */
export interface ModuleEntry {
  readonly export: string;
  /** What its output has to be. */
  readonly output: "json" | "text" | "bytes";
}

/** One call of a guest export. `sequence` is a number from 1 that no other call of the instance has. */
export interface CallMessage {
  sequence: number;
  name: GuestExport;
  input: GuestInput;
}

export type ToWorker =
  | LoadMessage
  /** There are calls in the ring. */
  | { type: "wake" }
  /** A call whose input is too large for the ring. The ring gets a record without input in its place. */
  | { type: "call"; call: CallMessage }
  /** Such a call was taken back. */
  | { type: "forget"; sequence: number };

/**
 * How a call ended; `output` and `error` are the guest's own. The output of `handle_request` was checked to be JSON,
 * that of any other export only to be UTF-8. `refused`: the params are not JSON, and the guest was not called.
 * `memoryBytes` is the guest's memory at the end of the call.
 */
export type CallOutcome =
  | { kind: "output"; output: Buffer }
  | { kind: "error"; error: string; memoryBytes: number }
  | { kind: "trap"; message: string; memoryBytes: number }
  | { kind: "invalid"; problem: string }
  | { kind: "refused"; problem: string }
  | { kind: "interrupted" };

/** How a guest export ended, as a ring holds it. `text` is meant to be UTF-8; the text of an output was checked. */
export interface CallEnd {
  kind: CallOutcome["kind"];
  text: Uint8Array;
  memoryBytes: number;
}

export interface CallResult extends CallEnd {
  sequence: number;
  /** Milliseconds it ran. */
  elapsedMs: number;
}

export type FromWorker =
  /** `thread` is the system's number for the thread; null when it has no useful one. */
  | { type: "booted"; thread: number | null }
  | { type: "loaded"; info: string }
  | { type: "load-failed"; phase: "instantiate" | "plugin_info" | "plugin_init"; outcome: CallOutcome }
  /** There are results in the ring. */
  | { type: "results" }
  /** A result that is too large for the ring. */
  | { type: "result"; result: CallResult }
  | { type: "log"; record: Uint8Array; requestId?: string }
  /** Host calls that the worker served itself since the last such message. */
  | { type: "host-calls"; counts: [name: string, times: number][] }
  | { type: "denied"; hostFunction: string; code: string; target?: string; count: number };

const EXPORTS: readonly GuestExport[] = [...REQUIRED_EXPORTS, ...OPTIONAL_EXPORTS];
const KINDS: readonly CallOutcome["kind"][] = ["output", "error", "trap", "invalid", "interrupted", "refused"];

/** Records over this many bytes go by message, so that they do not fill the ring. */
const LARGEST_RECORD = 32 * 1024;

/** True when a call's input goes by message, ahead of its record. */
export function isLarge(input: GuestInput): boolean {
  return (typeof input === "string" ? input.length : input.bytes.length) > LARGEST_RECORD;
}

/** False when there is no room. */
export function pushCall(ring: Ring, { sequence, name, input }: CallMessage): boolean {
  const large = isLarge(input);
  const [body, paramsAt] = typeof input === "string" ? [input, 0] : [input.bytes, input.paramsAt];
  return ring.push([sequence, EXPORTS.indexOf(name), large ? 1 : 0, paramsAt], large ? "" : body);
}

/** A call that begins in the worker. */
export interface ClaimedCall {
  sequence: number;
  name: GuestExport;
  /** Null when it came by message. */
  input: Uint8Array | null;
  /** Where params begin that are still to be checked; 0 when there are none. */
  paramsAt: number;
}

/** The oldest call, which begins now. The bytes of its input are good until the ring's `release`. */
export function claimCall(ring: Ring): ClaimedCall | null {
  const record = ring.claim();
  if (!record) return null;
  const [sequence, name, large, paramsAt] = record.fields;
  return { sequence, name: EXPORTS[name]!, input: large ? null : record.body, paramsAt };
}

/** False when it has to go by message. */
export function pushResult(ring: Ring, { sequence, kind, text, elapsedMs, memoryBytes }: CallResult): boolean {
  if (text.length > LARGEST_RECORD) return false;
  return ring.push([sequence, KINDS.indexOf(kind), elapsedMs, memoryBytes], text);
}

/**
 * The oldest result; its bytes are good until the ring's `release`.
 * @throws RangeError when the worker wrote what no worker writes
 */
export function peekResult(ring: Ring): CallResult | null {
  const record = ring.peek();
  if (!record) return null;
  const [sequence, index, elapsedMs, memoryBytes] = record.fields;
  const kind = KINDS[index];
  if (!kind || !(elapsedMs >= 0) || !(memoryBytes >= 0)) throw new RangeError("a malformed result in shared memory");
  return { sequence, kind, text: record.body, elapsedMs, memoryBytes };
}

/** Characters of a guest's error that are read; a longer one is not. */
export const ERROR_CHARACTERS = 262_144;
/** Bytes of a text about a call that are decoded: as many as show that it has more characters than are read. */
const WORDS_BYTES = 3 * (ERROR_CHARACTERS + 1);

export function outcomeOf({ kind, text, memoryBytes }: CallEnd): CallOutcome {
  const bytes = Buffer.isBuffer(text) ? text : Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  const message = () => bytes.toString("utf8", 0, kind === "output" ? bytes.length : WORDS_BYTES);
  switch (kind) {
    case "output":
      // Bytes in a ring are good only until their record is released.
      return { kind, output: bytes.buffer instanceof SharedArrayBuffer ? Buffer.from(bytes) : bytes };
    case "error":
      return { kind, error: message(), memoryBytes };
    case "trap":
      return { kind, message: message(), memoryBytes };
    case "invalid":
    case "refused":
      return { kind, problem: message() };
    case "interrupted":
      return { kind };
  }
}
