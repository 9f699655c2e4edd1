import { encodeUtf8, isAspenError, pluginInfoProblems, pluginInfoSchema } from "@aspen/plugin-api";
import type { PluginArtifact, PluginHostContext, PluginInstance, PluginRuntime } from "@aspen/plugin-host";
import { wasmErrors } from "./errors.js";
import { loadModule } from "./module-loader.js";
import { type ResolvedWasmRuntimeOptions, resolveOptions, type WasmRuntimeOptions } from "./options.js";
import { LoadFailure } from "./pool/instance.js";
import { InstancePool } from "./pool/instance-pool.js";
import { SpareWorkers } from "./pool/spares.js";
import { parseOutput, usableMemory, WasmPluginInstance } from "./wasm-plugin-instance.js";

/** Runs WASM plugins, each instance in a worker thread of its own. */
export class WasmPluginRuntime implements PluginRuntime {
  readonly tier = "wasm";
  readonly #options: ResolvedWasmRuntimeOptions;
  readonly #spares: SpareWorkers;
  readonly #pools = new Set<InstancePool>();

  constructor(options: WasmRuntimeOptions = {}) {
    this.#options = resolveOptions(options);
    this.#spares = new SpareWorkers(this.#options.spareWorkers, this.#options.reader);
  }

  /** @throws AspenError `WASM_INVALID`, `MANIFEST_INVALID`, or what the guest's start failed with */
  async start(artifact: PluginArtifact, host: PluginHostContext): Promise<PluginInstance> {
    const { manifest, code } = artifact;
    const loaded = await loadModule(manifest.name, code, manifest.memory_limit);
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
      if (isAspenError(error)) throw error;
      if (!(error instanceof LoadFailure)) {
        throw wasmErrors.unavailable(manifest.name, error instanceof Error ? error.message : String(error));
      }
      if (error.phase === "instantiate" && error.outcome.kind === "trap") {
        throw wasmErrors.invalid(manifest.name, error.outcome.message);
      }
      parseOutput(manifest, error.outcome);
      throw error;
    }
    return new WasmPluginInstance(manifest, loaded, pool, (record) => {
      void host.invoke("log_write", [encodeUtf8(JSON.stringify(record))]);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#pools].map((pool) => pool.close()));
    await this.#spares[Symbol.asyncDispose]();
  }
}
