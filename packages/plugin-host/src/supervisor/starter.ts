import type { Logger } from "@aspen/plugin-api";
import { LIMITS } from "@aspen/plugin-api";
import type { BlobStore, KeyValueStore } from "@aspen/storage";
import { pluginErrors } from "../errors.js";
import { PluginHostContext } from "../host-context/host-context.js";
import type { DeniedEvent } from "../host-context/host-function.js";
import type { PluginRecord } from "../plugin-store/plugin-record.js";
import { KvVerdictStore, type VerdictStore } from "../plugin-store/verdict-store.js";
import type { PluginInstance, PluginRuntime } from "../runtime.js";
import { DenialLog } from "./denial-log.js";

export interface StarterOptions {
  runtime: PluginRuntime;
  kv: KeyValueStore;
  blobs: BlobStore;
  logger: Logger;
}

/** Turns a record into an instance that answers calls. */
export class PluginStarter {
  readonly #verdicts: VerdictStore;

  constructor(private readonly options: StarterOptions) {
    this.#verdicts = new KvVerdictStore(options.kv, options.runtime.tier, options.logger);
  }

  /** The record's wasm from the blob store. @throws AspenError `BLOB_NOT_FOUND`, `BLOB_CORRUPT` */
  load(record: PluginRecord): Promise<Uint8Array> {
    return this.options.blobs.read(record.wasmHash, LIMITS.wasmBytes);
  }

  /** Makes sure that the code can be started without harm to this node. @throws AspenError what the runtime throws */
  async verify({ manifest }: PluginRecord, code: Uint8Array): Promise<void> {
    await this.options.runtime.verify?.({ manifest, code }, this.#verdicts);
  }

  /**
   * Compiles, initialises and health-checks it. When it throws, nothing is left behind.
   * @throws AspenError what the runtime throws, or `PLUGIN_UNAVAILABLE` when it says it is not healthy; the signal's
   * reason when it aborts
   */
  async start(record: PluginRecord, code: Uint8Array, signal?: AbortSignal): Promise<PluginInstance> {
    const { manifest, config } = record;
    const { runtime, kv, blobs } = this.options;
    const host = new PluginHostContext(manifest, { kv, blobs, ...this.#logging(manifest.name) }, config);
    const instance = await runtime.start({ manifest, code }, host, signal);
    try {
      signal?.throwIfAborted();
      const health = await instance.health(signal);
      signal?.throwIfAborted();
      if (health.state !== "healthy") throw pluginErrors.unhealthy(manifest.name, health.message);
      return instance;
    } catch (error) {
      await instance[Symbol.asyncDispose]();
      throw error;
    }
  }

  #logging(plugin: string) {
    const { logger } = this.options;
    const denials = new DenialLog(logger);
    return {
      logger: {
        log: (
          level: "debug" | "info" | "warn" | "error",
          message: string,
          fields?: Record<string, unknown>,
          requestId?: string,
        ) => logger[level]({ plugin, ...(requestId ? { requestId } : {}), ...(fields ? { fields } : {}) }, message),
      },
      onDenied: (event: DeniedEvent) => denials.add(event),
    };
  }
}
