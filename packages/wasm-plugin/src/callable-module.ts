import type { GuestLogRecord } from "@aspen/plugin-host";

/** A module that is no plugin, and how it is called. */
export interface WasmModuleOptions {
  /** For errors: the hash of its file. */
  readonly name: string;
  readonly wasm: Uint8Array;
  /** Name of the function that is called: without parameters, as of an Extism plugin, it returns 0 when all is well. */
  readonly export: string;
  /** What its output has to be. */
  readonly output: "json" | "text" | "bytes";
  /** Bytes of memory that a call may use, rounded down to pages of 64 KiB. */
  readonly memoryBytes: number;
  /** Another of its threads could not be started, or one could not be ended: a sentence for the node's log. */
  onProblem(problem: string): void;
}

export interface ModuleCallOptions {
  /** No other call under way has it; at most 128 characters. */
  readonly id: string;
  /** Stops the call, within a fraction of a second, by its thread when it does not poll. */
  readonly signal: AbortSignal;
  /** Gets what the guest logs during the call. */
  onLog(record: GuestLogRecord): void;
}

/** A module that is no plugin, ready to be called. */
export interface CallableModule extends AsyncDisposable {
  /**
   * Runs the export in an instance of its own; resolves with its output. It settles when nothing of the call runs any more.
   *
   * @throws AspenError `PAYLOAD_TOO_LARGE`, `PLUGIN_TRAP`, `PLUGIN_OUT_OF_MEMORY`, `PLUGIN_INVALID_RESPONSE`, the guest's
   * own code, or the signal's reason
   */
  call(input: Uint8Array, options: ModuleCallOptions): Promise<Buffer>;
}
