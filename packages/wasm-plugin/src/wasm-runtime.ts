import {
  AspenError,
  encodeUtf8,
  isAspenError,
  type PluginManifest,
  pluginInfoProblems,
  pluginInfoSchema,
} from "@aspen/plugin-api";
import type { PluginArtifact, PluginHostContext, PluginInstance, PluginRuntime } from "@aspen/plugin-host";
import { wasmErrors } from "./errors.js";
import { loadModule } from "./module-loader.js";
import { type ResolvedWasmRuntimeOptions, resolveOptions, type WasmRuntimeOptions } from "./options.js";
import { InstancePool } from "./pool/instance-pool.js";
import { LoadFailure } from "./pool/loading.js";
import { SpareWorkers } from "./pool/spares.js";
import { parseOutput, usableMemory, WasmPluginInstance } from "./wasm-plugin-instance.js";

/** Runs WASM plugins, each instance in a worker thread of its own. */
export class WasmPluginRuntime implements PluginRuntime {
  readonly tier = "wasm";
  readonly #options: ResolvedWasmRuntimeOptions;
  readonly #spares: SpareWorkers;
  readonly #pools = new Set<InstancePool>();
  #closed = false;

  constructor(options: WasmRuntimeOptions = {}) {
    this.#options = resolveOptions(options);
    this.#spares = new SpareWorkers(this.#options.spareWorkers, this.#options.reader);
  }

  /** @throws AspenError `WASM_INVALID`, `MANIFEST_INVALID`, `PLUGIN_UNAVAILABLE`, or what the guest's start failed with */
  async start(artifact: PluginArtifact, host: PluginHostContext): Promise<PluginInstance> {
    const { manifest, code } = artifact;
    const loaded = await loadModule(manifest.name, code, manifest.memory_limit);
    if (this.#closed) throw wasmErrors.unavailable(manifest.name, "the runtime is disposed");
    const log = (record: object) => void host.invoke("log_write", [encodeUtf8(JSON.stringify(record))]);
    const pool: InstancePool = new InstancePool({
      plugin: manifest.name,
      loaded,
      host,
      memoryBytes: usableMemory(manifest),
      timeoutMs: manifest.execution_timeout_ms,
      graceMs: this.#options.graceMs,
      isolation: manifest.isolation,
      maxInstances: manifest.max_instances,
      spares: this.#spares,
      onStartFailed: (error, retryMs) => {
        const { code, message } = startError(manifest, error);
        const text = `another instance could not be started and is not tried again for ${retryMs} ms: ${message}`;
        log({ level: "error", message: text, fields: { code, retryMs } });
      },
      onStuck: () => {
        const message =
          "a worker thread of the plugin could not be ended and runs on; restart the node to be rid of it";
        log({ level: "error", message });
      },
      onClosed: () => this.#pools.delete(pool),
      runtime: this.#options,
    });
    this.#pools.add(pool);
    try {
      const text = await pool.start();
      const info = pluginInfoSchema.safeParse(parseOutput(manifest, { kind: "output", output: text }));
      if (!info.success) throw wasmErrors.invalidResponse(manifest.name, "plugin_info does not follow the contract");
      const problems = pluginInfoProblems(info.data, manifest);
      if (problems.length > 0) throw wasmErrors.infoMismatch(manifest.name, problems);
    } catch (error) {
      await pool.close();
      throw startError(manifest, error);
    }
    return new WasmPluginInstance(manifest, loaded, pool, log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#pools].map((pool) => pool.close()));
    await this.#spares[Symbol.asyncDispose]();
  }
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
    parseOutput(manifest, outcome);
  } catch (failure) {
    return AspenError.from(failure);
  }
  return wasmErrors.unavailable(manifest.name, error.message);
}
