import { AspenError, isAspenError, type PluginManifest, parsePluginInfo } from "@aspen/plugin-api";
import type {
  PluginArtifact,
  PluginHostContext,
  PluginInstance,
  PluginRuntime,
  VerdictStore,
} from "@aspen/plugin-host";
import { wasmErrors } from "./errors.js";
import { ModuleCache } from "./module-cache.js";
import { loadModule } from "./module-loader.js";
import { type ResolvedWasmRuntimeOptions, resolveOptions, type WasmRuntimeOptions } from "./options.js";
import { InstancePool } from "./pool/instance-pool.js";
import { LoadFailure } from "./pool/loading.js";
import { SpareWorkers } from "./pool/spares.js";
import { PluginLog } from "./stacks/plugin-log.js";
import { StackMapper } from "./stacks/stack-mapper.js";
import { WasmVerifier } from "./validation/wasm-verifier.js";
import { guestFailureFields, parseReport, usableMemory, WasmPluginInstance } from "./wasm-plugin-instance.js";

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
