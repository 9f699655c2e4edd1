import { LIMITS } from "@aspen/plugin-api";
import type { BlobStore, KeyValueStore } from "@aspen/storage";
import { pluginErrors } from "../errors.js";
import { PluginHostContext } from "../host-context/host-context.js";
import type { DeniedEvent } from "../host-context/host-function.js";
import type { HostLogger } from "../logger.js";
import type { PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginInstance, PluginRuntime } from "../runtime.js";
import { DenialLog } from "./denial-log.js";

export interface StarterOptions {
  runtime: PluginRuntime;
  kv: KeyValueStore;
  blobs: BlobStore;
  logger: HostLogger;
}

/** Turns a record into an instance that answers calls. */
export class PluginStarter {
  constructor(private readonly options: StarterOptions) {}

  /** The record's wasm from the blob store. @throws AspenError `BLOB_NOT_FOUND`, `BLOB_CORRUPT` */
  load(record: PluginRecord): Promise<Uint8Array> {
    return this.options.blobs.read(record.wasmHash, LIMITS.wasmBytes);
  }

  /**
   * Compiles, initialises and health-checks it. When it throws, nothing is left behind.
   * @throws AspenError what the runtime throws, or `PLUGIN_UNAVAILABLE` when it says it is not healthy
   */
  async start(record: PluginRecord, code: Uint8Array): Promise<PluginInstance> {
    const { manifest, config } = record;
    const { runtime, kv, blobs } = this.options;
    const host = new PluginHostContext(manifest, { kv, blobs, ...this.#logging(manifest.name) }, config);
    const instance = await runtime.start({ manifest, code }, host);
    const health = await instance.health();
    if (health.state === "healthy") return instance;
    await instance[Symbol.asyncDispose]();
    throw pluginErrors.unhealthy(manifest.name, health.message);
  }

  #logging(plugin: string) {
    const { logger } = this.options;
    const denials = new DenialLog(logger);
    return {
      logger: {
        log: (level: "debug" | "info" | "warn" | "error", message: string, fields?: Record<string, unknown>) =>
          logger[level](fields ? { plugin, fields } : { plugin }, message),
      },
      onDenied: (event: DeniedEvent) => denials.add(event),
    };
  }
}
