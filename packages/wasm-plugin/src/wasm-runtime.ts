import { systemClock } from "@aspen/feature";
import { AspenError, errorResult, isAspenError, type PluginManifest, parsePluginInfo } from "@aspen/plugin-api";
import {
  assertNotifiable,
  type PluginArtifact,
  type PluginHostContext,
  type PluginInstance,
  type PluginRuntime,
  type VerdictStore,
} from "@aspen/plugin-host";
import type { CallableModule, WasmModuleOptions } from "./callable-module.js";
import { moduleErrors, wasmErrors } from "./errors.js";
import { ModuleCache } from "./module-cache.js";
import { type LoadedModule, loadModule, moduleShape } from "./module-loader.js";
import { type ResolvedWasmRuntimeOptions, resolveOptions, type WasmRuntimeOptions } from "./options.js";
import { InstancePool } from "./pool/instance-pool.js";
import { LoadFailure } from "./pool/loading.js";
import { SpareWorkers } from "./pool/spares.js";
import { GuestLogs } from "./stacks/guest-logs.js";
import { PluginLog } from "./stacks/plugin-log.js";
import { StackMapper } from "./stacks/stack-mapper.js";
import { WasmVerifier } from "./validation/wasm-verifier.js";
import { WasmModule } from "./wasm-module.js";
import { guestFailureFields, parseReport, usableMemory, WasmPluginInstance } from "./wasm-plugin-instance.js";

/** Milliseconds of a call of a module, which its caller ends sooner: as long as a job may run. */
const MODULE_MS = 8 * 86_400_000;
/** Milliseconds that a call waits before another thread is started: a burst of short ones needs no second. */
const MODULE_SCALE_MS = 50;
/** Threads of one module; its callers are fewer. */
const MODULE_INSTANCES = 1000;

/** What a module that is no plugin can reach. */
const NO_HOST = {
  grant: { plugin: "", permissions: [], kvPrefixes: [] },
  config: {},
  clock: systemClock,
  // The loader refuses a module that imports more than `log_write`, which its thread serves.
  invoke: async () => errorResult(new AspenError("PERMISSION_DENIED", "a module that is no plugin has no permissions")),
  reportDenied: () => undefined,
  countLocal: () => undefined,
};

/** Runs WASM plugins, each instance in a worker thread of its own. */
export class WasmPluginRuntime implements PluginRuntime {
  readonly tier = "wasm";
  readonly #options: ResolvedWasmRuntimeOptions;
  readonly #spares: SpareWorkers;
  readonly #verifier: WasmVerifier;
  readonly #modules = new ModuleCache();
  readonly #stacks = new StackMapper();
  readonly #pools = new Set<InstancePool>();
  #closed = false;

  constructor(options: WasmRuntimeOptions = {}) {
    this.#options = resolveOptions(options);
    const { compileMemoryBytes: memoryBytes, compileCpuMs: cpuMs } = this.#options;
    this.#verifier = new WasmVerifier({ memoryBytes, cpuMs });
    this.#spares = new SpareWorkers(this.#options.spareWorkers, this.#options.reader);
  }

  /** @throws AspenError `PAYLOAD_TOO_LARGE`, `WASM_INVALID`, `PLUGIN_UNAVAILABLE` */
  async verify(artifact: PluginArtifact, verdicts?: VerdictStore): Promise<void> {
    await this.#verifier.verify(artifact.manifest.name, wasmOf(artifact), verdicts);
  }

  /** @throws AspenError `WASM_INVALID`, `MANIFEST_INVALID`, `PLUGIN_UNAVAILABLE`, or what the guest's start failed with */
  async start(artifact: PluginArtifact, host: PluginHostContext, signal?: AbortSignal): Promise<PluginInstance> {
    const { manifest } = artifact;
    await this.verify(artifact);
    signal?.throwIfAborted();
    const loaded = await loadModule(manifest.name, wasmOf(artifact), manifest.memory_limit, this.#modules);
    if (this.#closed) throw wasmErrors.unavailable(manifest.name, "the runtime is disposed");
    signal?.throwIfAborted();
    assertNotifiable(manifest, loaded.exports);
    const log = new PluginLog(host, loaded.customs, this.#stacks);
    const pool: InstancePool = new InstancePool({
      plugin: manifest.name,
      loaded,
      host,
      log,
      memoryBytes: usableMemory(manifest),
      timeoutMs: manifest.execution_timeout_ms,
      graceMs: this.#options.graceMs,
      isolation: manifest.isolation,
      maxInstances: manifest.max_instances,
      spares: this.#spares,
      onStartFailed: (error, retryMs) => {
        const { code, message } = startError(manifest, error);
        const text = `another instance could not be started and is not tried again for ${retryMs} ms: ${message}`;
        log.tell({ level: "error", message: text, fields: { code, retryMs, ...failureFields(error) } });
      },
      onStuck: () => {
        const message =
          "a worker thread of the plugin could not be ended and runs on; restart the node to be rid of it";
        log.tell({ level: "error", message });
      },
      onWaited: (ms) => host.reportWait(ms),
      onRestart: () => host.reportRestart(),
      onClosed: () => this.#pools.delete(pool),
      runtime: this.#options,
    });
    this.#pools.add(pool);
    const giveUp = () => void pool.close();
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      const text = await pool.start();
      signal?.throwIfAborted();
      parsePluginInfo(parseReport(manifest, { kind: "output", output: Buffer.from(text) }), manifest);
    } catch (error) {
      await pool.close();
      if (signal?.aborted) throw signal.reason;
      const failure = startError(manifest, error);
      logStart(log, error, failure);
      await log.flush();
      throw failure;
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
    return new WasmPluginInstance(manifest, loaded, pool, log);
  }

  /**
   * Makes a module that is no plugin ready to be called. It is verified and compiled as those of plugins are.
   *
   * @throws AspenError `PAYLOAD_TOO_LARGE`, `WASM_INVALID`, `PLUGIN_UNAVAILABLE`
   */
  async openModule(options: WasmModuleOptions): Promise<CallableModule> {
    const { name, wasm, memoryBytes } = options;
    const usable = usableMemory({ memory_limit: memoryBytes });
    const shape = moduleShape(options.export);
    let loaded: LoadedModule;
    try {
      await this.#verifier.verify(name, wasm);
      loaded = await loadModule(name, wasm, usable, this.#modules, shape);
    } catch (error) {
      const { code, details } = AspenError.from(error);
      throw code === "WASM_INVALID" ? moduleErrors.invalid(name, String(details?.problem)) : error;
    }
    if (this.#closed) throw wasmErrors.unavailable(name, "the runtime is disposed");
    const logs = new GuestLogs();
    const pool: InstancePool = new InstancePool({
      ...{ plugin: name, loaded, log: logs, memoryBytes: usable, host: NO_HOST },
      entry: { export: options.export, output: options.output },
      // Whoever calls has a limit of its own, and as many calls at once as it lets run.
      timeoutMs: MODULE_MS,
      graceMs: 0,
      isolation: "instance",
      maxInstances: MODULE_INSTANCES,
      computing: MODULE_INSTANCES,
      spares: this.#spares,
      onStartFailed: (error) => options.onProblem(`another thread of a module could not be started: ${String(error)}`),
      onStuck: () => options.onProblem("a thread of a module could not be ended and runs on; restart the node"),
      onClosed: () => this.#pools.delete(pool),
      runtime: { ...this.#options, scaleUpAfterMs: MODULE_SCALE_MS },
    });
    this.#pools.add(pool);
    try {
      await pool.start();
    } catch (error) {
      await pool.close();
      throw wasmErrors.unavailable(name, error instanceof Error ? error.message : String(error));
    }
    return new WasmModule({ name, memoryBytes: usable }, pool, logs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#verifier[Symbol.asyncDispose]();
    await Promise.all([...this.#pools].map((pool) => pool.close()));
    await this.#spares[Symbol.asyncDispose]();
    await this.#stacks[Symbol.asyncDispose]();
  }
}

/** @throws AspenError `WASM_INVALID` when the artifact has no wasm file */
function wasmOf({ manifest: { name, entry }, files }: PluginArtifact): Uint8Array {
  const wasm = entry.kind === "wasm" ? files.get(entry.wasm) : undefined;
  if (!wasm) throw wasmErrors.invalid(name, "it is missing");
  return wasm;
}

/** What the guest said of its failed start beside the message. */
function failureFields(error: unknown): { stack?: string; causes?: string } {
  return error instanceof LoadFailure ? guestFailureFields(error.outcome) : {};
}

/** The caller gets code and message; stack and causes are for the log. */
function logStart(log: PluginLog, error: unknown, { code, message }: AspenError): void {
  const fields = failureFields(error);
  if (fields.stack !== undefined) log.tell({ level: "error", message, fields: { code, ...fields } });
}

/** What a failed start is to its caller and in the log. */
function startError(manifest: PluginManifest, error: unknown): AspenError {
  if (isAspenError(error)) return error;
  if (!(error instanceof LoadFailure)) {
    return wasmErrors.unavailable(manifest.name, error instanceof Error ? error.message : String(error));
  }
  const { phase, outcome } = error;
  if (phase === "instantiate" && outcome.kind === "trap") return wasmErrors.invalid(manifest.name, outcome.message);
  try {
    parseReport(manifest, outcome);
  } catch (failure) {
    return AspenError.from(failure);
  }
  return wasmErrors.unavailable(manifest.name, error.message);
}
