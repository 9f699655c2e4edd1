import { type Clock, systemClock } from "@aspen/feature";
import type { Logger, PluginManifest, PluginTierName } from "@aspen/plugin-api";
import { backgroundProblems, LIMITS, pluginApiErrors } from "@aspen/plugin-api";
import { type Caller, type Dispatcher, nodeCaller } from "@aspen/rpc-core";
import type { BlobStore, KeyValueStore } from "@aspen/storage";
import { type NotifyTarget, PluginBackground } from "../background/plugin-background.js";
import { pluginErrors } from "../errors.js";
import { PluginHostContext } from "../host-context/host-context.js";
import type { DeniedEvent, HostMeasures } from "../host-context/host-function.js";
import type { HostPorts } from "../host-ports.js";
import type { PluginLimitOptions } from "../limits/options.js";
import { PluginUsage } from "../limits/plugin-usage.js";
import type { PluginHttpOptions } from "../plugin-http.js";
import type { ConfiguredPlugins } from "../plugin-store/configured-plugins.js";
import { grantedManifest, type PluginRecord } from "../plugin-store/plugin-record.js";
import { KvVerdictStore, type VerdictStore } from "../plugin-store/verdict-store.js";
import type { PluginArtifact, PluginInstance, PluginRuntime } from "../runtime.js";
import { DenialLog } from "./denial-log.js";

export interface StarterOptions {
  /** One for each tier that this node has. */
  runtimes: readonly PluginRuntime[];
  kv: KeyValueStore;
  blobs: BlobStore;
  logger: Logger;
  /** Those of the node's configuration, which have their code. @default none */
  configured?: ConfiguredPlugins;
  /** What features give to host functions. @default none */
  ports?: Partial<HostPorts>;
  /** The time of day, for plugins. @default `systemClock` */
  clock?: Clock;
  /** Where plugins' own calls go; asked for at each start of one. @default nowhere: they cannot call */
  dispatcher?(): Pick<Dispatcher, "dispatch"> | undefined;
  /** What each plugin may do on this node. @default those of `PluginLimitOptions` */
  limits?: PluginLimitOptions;
  /** How plugins ask other hosts. @default DNS, and the certificates that Node trusts */
  outbound?: PluginHttpOptions | undefined;
  /** What is measured of plugins. @default nothing */
  measures?: HostMeasures | undefined;
  /** The node, on whose behalf it asks plugins for their health. @default "node" */
  nodeId?: string;
}

/** Turns a plugin's code into an instance that answers calls, by the runtime of its tier. */
export class PluginStarter {
  /** Who asks plugins what nobody else has asked. */
  readonly caller: Caller;
  readonly #usages = new Map<string, PluginUsage>();
  readonly #tiers = new Map<PluginTierName, { runtime: PluginRuntime; verdicts: VerdictStore }>();

  /** @throws AspenError `CONFIG_INVALID` when two runtimes are of one tier */
  constructor(private readonly options: StarterOptions) {
    const { runtimes, kv, logger, nodeId = "node" } = options;
    this.caller = nodeCaller(nodeId);
    for (const runtime of runtimes) {
      const { tier } = runtime;
      if (this.#tiers.has(tier)) throw pluginErrors.tierTwice(tier);
      this.#tiers.set(tier, { runtime, verdicts: new KvVerdictStore(kv, tier, logger) });
    }
  }

  /** @throws AspenError `PLUGIN_TIER_UNAVAILABLE` when this node has no runtime for it */
  assertTier(manifest: PluginManifest): void {
    this.#tierOf(manifest);
  }

  /** The record's artifacts from the blob store. @throws AspenError `BLOB_NOT_FOUND`, `BLOB_CORRUPT` */
  async load(record: PluginRecord): Promise<PluginArtifact["files"]> {
    const { blobs } = this.options;
    const read = async ({ name, hash }: PluginRecord["artifacts"][number]) =>
      [name, await blobs.read(hash, LIMITS.artifactBytes)] as const;
    return new Map(await Promise.all(record.artifacts.map(read)));
  }

  /** What a runtime gets of a record whose artifacts are these. */
  artifact(record: PluginRecord, files: PluginArtifact["files"]): PluginArtifact {
    const configured = this.options.configured?.get(record.manifest.name);
    const artifact = { manifest: grantedManifest(record), files };
    return configured ? { ...artifact, module: configured.module } : artifact;
  }

  /**
   * Makes sure that the code can be started without harm to this node.
   * @throws AspenError `PLUGIN_TIER_UNAVAILABLE`, or what the runtime throws
   */
  async verify(artifact: PluginArtifact): Promise<void> {
    const { runtime, verdicts } = this.#tierOf(artifact.manifest);
    await runtime.verify?.(artifact, verdicts);
  }

  /**
   * Compiles, initialises and health-checks it. When it throws, nothing is left behind.
   * @param config what the plugin reads through `config`
   * @throws AspenError `PLUGIN_TIER_UNAVAILABLE`, what the runtime throws, or `PLUGIN_UNAVAILABLE` when it says it is not
   * healthy; the signal's reason when it aborts
   */
  async start(artifact: PluginArtifact, config: PluginRecord["config"], signal?: AbortSignal): Promise<PluginInstance> {
    const { manifest } = artifact;
    const { kv, blobs, ports = {}, clock = systemClock, measures, outbound } = this.options;
    const usage = this.usage(manifest.name);
    const { runtime } = this.#tierOf(manifest);
    const problems = backgroundProblems(manifest);
    if (problems.length > 0) throw pluginApiErrors.manifestInvalid(problems);
    const dispatcher = this.options.dispatcher?.();
    const host = new PluginHostContext(
      manifest,
      { dispatcher, kv, blobs, ports, clock, measures, usage, outbound, ...this.#logging(manifest.name) },
      config,
    );
    const instance = await runtime.start(artifact, host, signal);
    try {
      signal?.throwIfAborted();
      const health = await instance.health({ caller: this.caller, signal });
      signal?.throwIfAborted();
      if (health.state !== "healthy") throw pluginErrors.unhealthy(manifest.name, health.message);
      return instance;
    } catch (error) {
      await instance[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What a plugin of this name does on this node; a reload does not change it. */
  usage(plugin: string): PluginUsage {
    const known = this.#usages.get(plugin);
    if (known) return known;
    // There are more names than plugins only when many were installed and removed again.
    if (this.#usages.size >= 2 * LIMITS.pluginsPerNode) this.#usages.clear();
    const usage = new PluginUsage(plugin, this.options.limits);
    this.#usages.set(plugin, usage);
    return usage;
  }

  /** Begins what a started plugin does when nobody calls it; disposing it ends that. */
  background(manifest: PluginManifest, target: NotifyTarget): AsyncDisposable {
    const { kv, logger, clock = systemClock, measures, nodeId: owner = "node" } = this.options;
    return new PluginBackground({ measures, kv, logger, clock, owner, caller: this.caller, manifest, target });
  }

  #tierOf({ name, entry }: PluginManifest) {
    const tier = this.#tiers.get(entry.kind);
    if (!tier) throw pluginErrors.tierUnavailable(name, entry.kind);
    return tier;
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
