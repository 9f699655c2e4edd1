import type { HostFunctionName, OverlappingHostFunctionName } from "@aspen/plugin-api/abi";

/** What the engine template puts at the guest's disposal; it exists only inside a plugin. */
export interface Intrinsics {
  /**
   * The host functions. Each takes its parameters encoded (null: absent) and returns the tagged result, or a
   * number: 0 when the host has no room for more of this call's data, 1 when the guest's memory is full.
   */
  host: Record<HostFunctionName, (...args: (string | Uint8Array | null)[]) => Uint8Array | number>;
  /** The call's input, parsed. */
  inputJson(): unknown;
  /** Sets the call's output; false when the host has no room for it. */
  output(text: string): boolean;
  /** Sets the call's error; false when the host has no room for it. */
  fail(text: string): boolean;
  encode(text: string): Uint8Array;
  decode(bytes: Uint8Array): string;
  /** Makes an object one that `typeof` calls "undefined" and that is false, like `document.all` of browsers. */
  hide(value: object): void;
  /** Told of the beginning of each call; the prelude defines it. */
  begin?(): void;
  /** Host calls of the running call that overlap; the first of them defines it. */
  overlapping?: OverlappingCalls;
}

/** Several host calls under way at once. One for all copies of the SDK in a plugin. */
export interface OverlappingCalls {
  call(name: OverlappingHostFunctionName, args: readonly (string | Uint8Array | null)[]): Promise<Uint8Array | null>;
  /** Waits for one of them and settles its promise; false when there is none. */
  next(): boolean;
  /** A new call begins; what the one before it began has ended with it. */
  clear(): void;
}

declare global {
  var __aspen: Intrinsics | undefined;
  /** Of `subtle.ts`, for the prelude, which takes it away. */
  var __aspenSubtle: object | undefined;
}

/** Inside a plugin in WASM what the template puts there; nothing elsewhere. */
export function sandbox(): Intrinsics | undefined {
  return globalThis.__aspen;
}

/** @throws Error outside a plugin in WASM */
export function intrinsics(): Intrinsics {
  const found = sandbox();
  if (found) return found;
  throw new Error("the host can only be called inside a plugin; run this code through `aspen plugin build`");
}
