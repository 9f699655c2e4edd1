import { randomFillSync } from "node:crypto";
import {
  AttachmentReader,
  decodeEnvelope,
  decodeUtf8,
  encodeEnvelope,
  encodeUtf8,
  HOST_FUNCTIONS,
  type HostFunctionName,
  RESULT_OK,
  taggedResult,
  type WasmModule,
  writeU64,
} from "@aspen/plugin-api/abi";

/** What stands in for a node. Each method has a default that does nothing. */
export interface GuestHost {
  /** Answers a host call with a tagged result. @default ok without a payload */
  hostCall?(name: HostFunctionName, args: (Uint8Array | null)[]): Uint8Array;
  /** True stops the running call. @default false */
  interrupted?(): boolean;
}

export type GuestCallResult = { ok: true; output: string } | { ok: false; error: string };

/** Several host functions under way at once: in this thread each is done when it begins. */
class SubmittedCalls {
  readonly #results = new Map<number, Uint8Array>();
  #last = 0;

  constructor(private readonly call: NonNullable<GuestHost["hostCall"]>) {}

  answer(name: HostFunctionName, args: (Uint8Array | null)[]): Uint8Array {
    if (name === "call_submit") return this.#submit(args);
    if (name === "call_wait") return this.#wait(JSON.parse(decodeUtf8(args[0]!)));
    return this.call(name, args);
  }

  #submit([name, envelope]: (Uint8Array | null)[]): Uint8Array {
    const { header, attachments } = decodeEnvelope<{ lengths: (number | null)[] }>(envelope!);
    const reader = new AttachmentReader(attachments);
    const args = header.lengths.map((length) => (length === null ? null : reader.next(length)));
    this.#last += 1;
    this.#results.set(this.#last, this.call(decodeUtf8(name!) as HostFunctionName, args));
    const ticket = new Uint8Array(8);
    writeU64(ticket, this.#last);
    return taggedResult(RESULT_OK, ticket);
  }

  #wait([ticket]: number[]): Uint8Array {
    const result = this.#results.get(ticket!)!;
    this.#results.delete(ticket!);
    return taggedResult(RESULT_OK, encodeEnvelope({ ticket }, [result]));
  }
}

/**
 * Runs a built plugin in this thread, without limits and without a node: for a plugin's own unit tests.
 * Host calls are answered by {@link GuestHost}.
 */
export class GuestRunner {
  readonly #overlaps = new SubmittedCalls((name, args) => this.host.hostCall?.(name, args) ?? Uint8Array.of(RESULT_OK));
  readonly #blocks = new Map<bigint, Uint8Array>();
  #nextHandle = 1n;
  #input: Uint8Array = new Uint8Array(0);
  #output: Uint8Array = new Uint8Array(0);
  #error: Uint8Array | null = null;
  readonly #instance: WebAssembly.Instance;

  constructor(
    module: WasmModule,
    private readonly host: GuestHost = {},
  ) {
    this.#instance = new WebAssembly.Instance(module, this.#imports());
  }

  has(name: string): boolean {
    return typeof this.#instance.exports[name] === "function";
  }

  /** Calls an export. @throws Error when the guest traps or has no such export */
  call(name: string, input = ""): GuestCallResult {
    const run = this.#instance.exports[name];
    if (typeof run !== "function") throw new Error(`the plugin does not export ${name}`);
    this.#input = encodeUtf8(input);
    this.#output = new Uint8Array(0);
    this.#error = null;
    this.#blocks.clear();
    const status = run() as number;
    const error = this.#error as Uint8Array | null;
    if (status === 0) return { ok: true, output: decodeUtf8(this.#output) };
    return { ok: false, error: error ? decodeUtf8(error) : "the guest failed without an error" };
  }

  get #memory(): Uint8Array {
    return new Uint8Array((this.#instance.exports.memory as WebAssembly.Memory).buffer);
  }

  #store(bytes: Uint8Array): bigint {
    const handle = this.#nextHandle++;
    this.#blocks.set(handle, bytes.slice());
    return handle;
  }

  #imports(): WebAssembly.Imports {
    const block = (handle: bigint) => this.#blocks.get(handle) ?? new Uint8Array(0);
    const user: Record<string, WebAssembly.ImportValue> = {
      mem_read: (handle: bigint, to: number, length: number) =>
        this.#memory.set(block(handle).subarray(0, length), to >>> 0),
      mem_store: (from: number, length: number) => this.#store(this.#memory.slice(from >>> 0, (from >>> 0) + length)),
      input_read: (to: number, length: number) => this.#memory.set(this.#input.subarray(0, length), to >>> 0),
      now_ns: () => BigInt(Date.now()) * 1_000_000n,
      random_seed: () => randomFillSync(new BigUint64Array(1))[0],
      interrupted: () => (this.host.interrupted?.() ? 1 : 0),
    };
    for (const { name } of HOST_FUNCTIONS) {
      user[name] = (...handles: bigint[]) => {
        const args = handles.map((handle) => (handle === 0n ? null : block(handle)));
        return this.#store(this.#overlaps.answer(name, args));
      };
    }
    return {
      "extism:host/user": user,
      "extism:host/env": {
        input_length: () => BigInt(this.#input.length),
        length: (handle: bigint) => BigInt(block(handle).length),
        free: (handle: bigint) => void this.#blocks.delete(handle),
        output_set: (handle: bigint, length: bigint) => {
          this.#output = block(handle).slice(0, Number(length));
        },
        error_set: (handle: bigint) => {
          this.#error = block(handle).slice();
        },
      },
    };
  }
}
