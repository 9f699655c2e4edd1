import type { HostFunctionName, WasmModule } from "@aspen/plugin-api/abi";

/** What an engine asks of the thread it runs in. No method may throw. */
export interface EngineHost {
  /** One host call: encoded parameters in, tagged result out. */
  hostCall(name: HostFunctionName, args: (Uint8Array | null)[]): Uint8Array;
  /** True when the running call must stop. */
  interrupted(): boolean;
}

/** How a call of a guest export ended. */
export type GuestOutcome =
  | { kind: "output"; output: Uint8Array }
  /** The guest set an error; its instance is sound. */
  | { kind: "error"; error: Uint8Array }
  /** The wasm trapped or its stack overflowed; the instance must be discarded. */
  | { kind: "trap"; message: string };

/** One instance of a plugin's module. */
export interface EngineInstance {
  /** Runs an export to its end. */
  call(name: string, input: Uint8Array): Promise<GuestOutcome>;
  has(name: string): boolean;
  /** Bytes of the guest's linear memory. */
  memoryBytes(): number;
}

/** Runs plugins' wasm. `ExtismEngine` is the one in use. */
export interface WasmEngine {
  instantiate(module: WasmModule, host: EngineHost): Promise<EngineInstance>;
}
