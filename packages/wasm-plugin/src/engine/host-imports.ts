import { randomFillSync } from "node:crypto";
import { decodeUtf8, encodeUtf8, HOST_FUNCTIONS } from "@aspen/plugin-api/abi";
import type { CallContext } from "@extism/extism";
import { Block, BlockTable } from "./block-table.js";
import type { EngineHost } from "./wasm-engine.js";

const NO_BYTES = new Uint8Array(0);

/** One instance's side of the ABI: its memory (there only after instantiation), and the state of its call. */
export class GuestState {
  memory: WebAssembly.Memory | null = null;
  readonly blocks = new BlockTable();
  input = new Block(NO_BYTES);
  output: Uint8Array | null = null;
  error: Uint8Array | null = null;

  constructor(readonly host: EngineHost) {}

  begin(input: Uint8Array): void {
    this.blocks.clear();
    this.input = new Block(input);
    this.output = null;
    this.error = null;
  }

  /** A view of the guest's memory, or null when the range lies outside it. */
  view(offset: number, length: number): Uint8Array | null {
    const start = offset >>> 0;
    const size = length >>> 0;
    if (!this.memory || start + size > this.memory.buffer.byteLength) return null;
    return new Uint8Array(this.memory.buffer, start, size);
  }
}

type Import = (context: CallContext, ...args: never[]) => unknown;
type Imports = Record<string, Record<string, Import>>;

/**
 * The guest's imports. A host function never throws into the guest: unwinding through the guest's
 * frames would leak its stack, so whatever is wrong becomes a result or a no-op.
 */
export function hostImports(guest: GuestState): Imports {
  return { "extism:host/user": userImports(guest), "extism:host/env": extismImports(guest) };
}

function userImports(guest: GuestState): Record<string, Import> {
  const { blocks, host } = guest;
  const user: Record<string, Import> = {
    mem_read: (_context, handle: bigint, destination: number, length: number) => {
      const block = blocks.get(handle);
      if (block) guest.view(destination, length)?.set(block.subarray(0, length >>> 0));
    },
    mem_store: (_context, source: number, length: number): bigint => {
      const bytes = guest.view(source, length);
      return bytes ? blocks.copy(bytes) : 0n;
    },
    input_read: (_context, destination: number, length: number) => {
      guest.view(destination, length)?.set(guest.input.bytes.subarray(0, length >>> 0));
    },
    now_ns: () => BigInt(Date.now()) * 1_000_000n,
    random_seed: () => randomFillSync(new BigUint64Array(1))[0],
    interrupted: () => (host.interrupted() ? 1 : 0),
  };
  for (const spec of HOST_FUNCTIONS) {
    user[spec.name] = (_context, ...handles: bigint[]): bigint => {
      const args = spec.parameters.map((_, index) => {
        const handle = handles[index] ?? 0n;
        return handle === 0n ? null : (blocks.get(handle)?.slice() ?? NO_BYTES);
      });
      return blocks.add(host.hostCall(spec.name, args));
    };
  }
  return user;
}

const LOG_LEVELS = { trace: "debug", debug: "debug", info: "info", warn: "warn", error: "error" } as const;

/**
 * Extism's kernel functions (extism/extism, `kernel/src/lib.rs`) over our blocks, for guests that are made
 * with one of its kits. Variables, configuration and HTTP are not among them: they lie outside the permissions.
 */
function extismImports(guest: GuestState): Record<string, Import> {
  const { blocks, host } = guest;
  const length = (_context: CallContext, handle: bigint) => BigInt(blocks.get(handle)?.length ?? 0);
  const env: Record<string, Import> = {
    alloc: (_context, bytes: bigint) => blocks.allocate(bytes),
    free: (_context, handle: bigint) => blocks.free(handle),
    length,
    length_unsafe: length,
    load_u8: (_context, address: bigint) => blocks.loadByte(address),
    load_u64: (_context, address: bigint) => blocks.loadWord(address),
    store_u8: (_context, address: bigint, value: number) => blocks.storeByte(address, value),
    store_u64: (_context, address: bigint, value: bigint) => blocks.storeWord(address, value),
    input_length: () => BigInt(guest.input.bytes.length),
    input_load_u8: (_context, offset: bigint) => guest.input.bytes[Number(offset)] ?? 0,
    input_load_u64: (_context, offset: bigint) => guest.input.load(Number(offset)),
    output_set: (_context, handle: bigint, bytes: bigint) => {
      guest.output = blocks.at(handle)?.slice(0, Number(BigInt.asUintN(32, bytes))) ?? null;
    },
    error_set: (_context, handle: bigint) => {
      guest.error = blocks.get(handle)?.slice() ?? null;
    },
    error_get: () => 0n,
    get_log_level: () => 0,
  };
  for (const [name, level] of Object.entries(LOG_LEVELS)) {
    env[`log_${name}`] = (_context, handle: bigint) => {
      const message = decodeUtf8(blocks.get(handle) ?? NO_BYTES);
      host.hostCall("log_write", [encodeUtf8(JSON.stringify({ level, message }))]);
    };
  }
  return env;
}
