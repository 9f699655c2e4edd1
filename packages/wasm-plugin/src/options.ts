import type { WorkerReader } from "@aspen/storage";

export interface WasmRuntimeOptions {
  /** The store's `workerReader`: plugins read inside their own worker. @default null: every read goes to the main thread */
  reader?: WorkerReader | null;
  /** Booted workers kept ready for the next plugin or the next replacement. @default 1 */
  spareWorkers?: number;
  /** Milliseconds past its limit that a call has to stop by itself before its worker is terminated. @default 20 */
  graceMs?: number;
  /** Milliseconds a call waits for a busy plugin before another instance is started. @default 5 */
  scaleUpAfterMs?: number;
  /** Milliseconds after which an instance without calls is dropped; the last one stays. @default 60000 */
  idleMs?: number;
  /** Calls that may wait for one plugin; one more is refused. @default 10000 */
  maxQueuedCalls?: number;
  /**
   * Bytes of requests (JSON in UTF-8) that one plugin's calls may hold, waiting or running; a call beyond them is
   * refused, unless it is alone. @default 67108864 (64 MiB)
   */
  maxQueuedBytes?: number;
  /**
   * Milliseconds that a worker has to boot, and then to load a plugin. The plugin's own code in its start does not
   * count: all of it together has the plugin's `execution_timeout_ms`. @default 30000
   */
  startTimeoutMs?: number;
  /**
   * Resident bytes of the process in which a plugin is compiled before it runs here. A plugin that needs more is
   * refused. @default 536870912 (512 MiB)
   */
  compileMemoryBytes?: number;
  /** Milliseconds of processor time that compiling a plugin may take, all of its functions by both compilers. @default 60000 */
  compileCpuMs?: number;
}

export type ResolvedWasmRuntimeOptions = Required<WasmRuntimeOptions>;

export function resolveOptions(options: WasmRuntimeOptions = {}): ResolvedWasmRuntimeOptions {
  return {
    reader: options.reader ?? null,
    spareWorkers: options.spareWorkers ?? 1,
    graceMs: options.graceMs ?? 20,
    scaleUpAfterMs: options.scaleUpAfterMs ?? 5,
    idleMs: options.idleMs ?? 60_000,
    maxQueuedCalls: options.maxQueuedCalls ?? 10_000,
    maxQueuedBytes: options.maxQueuedBytes ?? 64 * 1024 * 1024,
    startTimeoutMs: options.startTimeoutMs ?? 30_000,
    compileMemoryBytes: options.compileMemoryBytes ?? 512 * 1024 * 1024,
    compileCpuMs: options.compileCpuMs ?? 60_000,
  };
}
