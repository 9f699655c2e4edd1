import { allowedKvPrefixes, prefixesOverlap } from "@aspen/plugin-api";
import { pluginErrors } from "../errors.js";
import { grantedManifest, type PluginRecord } from "./plugin-record.js";

/** A plugin that the node's configuration names. */
export interface ConfiguredPlugin {
  /** Never stored. */
  record: PluginRecord;
  /** What its runtime takes as `PluginArtifact.module`. */
  module: unknown;
}

/**
 * The plugins that come from this node's configuration and not from the store. They run beside those that are
 * installed, and no request changes them.
 */
export class ConfiguredPlugins {
  readonly #byName = new Map<string, ConfiguredPlugin>();

  /** @throws AspenError `CONFIG_INVALID`, `PLUGIN_PREFIX_CONFLICT` when two of them cannot stand beside each other */
  constructor(plugins: readonly ConfiguredPlugin[] = []) {
    for (const plugin of plugins) {
      const { name } = plugin.record.manifest;
      if (this.#byName.has(name)) throw pluginErrors.configuredTwice(name);
      this.assertBeside(plugin.record);
      this.#byName.set(name, plugin);
    }
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  get(name: string): ConfiguredPlugin | undefined {
    return this.#byName.get(name);
  }

  records(): PluginRecord[] {
    return [...this.#byName.values()].map(({ record }) => record);
  }

  /** The same plugin under another revision, so that it is started afresh. */
  revise(record: PluginRecord): void {
    const { name } = record.manifest;
    this.#byName.set(name, { ...this.#byName.get(name)!, record });
  }

  /** @throws AspenError `PLUGIN_CONFIGURED` when the plugin comes from the configuration */
  assertNot(name: string): void {
    if (this.#byName.has(name)) throw pluginErrors.configured(name);
  }

  /** @throws AspenError `PLUGIN_PREFIX_CONFLICT` when another plugin's keys overlap those of one of these */
  assertBeside(record: PluginRecord): void {
    const manifest = grantedManifest(record);
    for (const other of this.records()) {
      if (other.manifest.name === manifest.name) continue;
      for (const prefix of allowedKvPrefixes(manifest)) {
        const theirs = allowedKvPrefixes(other.manifest).find((candidate) => prefixesOverlap(prefix, candidate));
        if (theirs === undefined) continue;
        throw pluginErrors.prefixConflict(
          manifest.name,
          prefix,
          `${other.manifest.name} of the node's configuration`,
          theirs,
        );
      }
    }
  }

  /**
   * That nothing installed has the name or the keys of one of these.
   *
   * @throws AspenError `PLUGIN_NAME_TAKEN`, `PLUGIN_PREFIX_CONFLICT`
   */
  assertBesideInstalled(installed: Iterable<PluginRecord>): void {
    for (const record of installed) {
      if (this.has(record.manifest.name)) throw pluginErrors.configuredName(record.manifest.name);
      this.assertBeside(record);
    }
  }
}
