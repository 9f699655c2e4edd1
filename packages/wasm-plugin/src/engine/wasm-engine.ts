import type { HostFunctionName, WasmModule } from "@aspen/plugin-api/abi";
import type { ModuleData } from "../protocol/module-data.js";

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

/** A compiled plugin. */
export interface EngineModule {
  module: WasmModule;
  /** What the memory of an instance begins with; null when the module says so itself. */
  data: ModuleData | null;
}

/** Runs plugins' wasm. `ExtismEngine` is the one in use. */
export interface WasmEngine {
  instantiate(code: EngineModule, host: EngineHost): Promise<EngineInstance>;
}
