import { isDeepStrictEqual } from "node:util";
import { compareVersions, LIMITS, type PluginManifest, prefixesOverlap, RESERVED_PREFIXES } from "@aspen/plugin-api";
import { pluginErrors } from "../errors.js";
import { grantedManifest, type PluginRecord } from "../plugin-store/plugin-record.js";
import type { OfficialPlugin } from "./official-plugin.js";

/** The official plugins of a node: those that its features bring. */
export class OfficialPlugins {
  readonly #byName = new Map<string, OfficialPlugin>();

  /** @throws AspenError `CONFIG_INVALID` when two have one name */
  constructor(plugins: readonly OfficialPlugin[] = []) {
    for (const plugin of plugins) {
      const { name } = plugin.manifest;
      const other = this.#byName.get(name);
      if (other) throw pluginErrors.officialTwice(name, other.feature, plugin.feature);
      this.#byName.set(name, plugin);
    }
  }

  named(name: string): OfficialPlugin | undefined {
    return this.#byName.get(name);
  }

  /** True when what is stored is, in every byte that matters, what a feature of this node brings. */
  vouchFor(record: PluginRecord): boolean {
    const official = this.#byName.get(record.manifest.name);
    return official !== undefined && isSame(record, official);
  }

  /** True for an earlier version of what a feature brings, which this node replaces at its start. */
  replaces({ official, manifest: { name, version } }: PluginRecord): boolean {
    const here = this.#byName.get(name);
    return here !== undefined && official !== null && compareVersions(version, here.manifest.version) < 0;
  }

  /**
   * A record gives nothing by itself: whoever may write it could claim anything.
   *
   * @throws AspenError `PLUGIN_OFFICIAL` when only an official plugin may hold what it has, and it is not one here
   */
  assertMayRun(record: PluginRecord): void {
    const privilege = privilegeOf(grantedManifest(record));
    if ((record.official === null && privilege === null) || this.vouchFor(record)) return;
    const { name, version } = record.manifest;
    const here = this.#byName.get(name);
    if (here) throw pluginErrors.officialOther(name, version, here.feature, here.manifest.version);
    if (record.official !== null) throw pluginErrors.officialMissing(name, version, record.official);
    throw pluginErrors.officialForged(name, version, privilege!);
  }
}

function isSame({ manifest, artifacts, overrides }: PluginRecord, official: OfficialPlugin): boolean {
  return (
    Object.keys(overrides).length === 0 &&
    isDeepStrictEqual(manifest, official.manifest) &&
    artifacts.length === official.hashes.size &&
    artifacts.every(({ name, hash }) => official.hashes.get(name) === hash)
  );
}

/** What of a manifest only an official plugin may have, for a message; null when there is nothing. */
function privilegeOf({ priority, kv_prefixes: prefixes }: PluginManifest): string | null {
  if (priority < LIMITS.pluginPriorityMin) return `the priority ${priority}`;
  const reserved = prefixes.find((prefix) =>
    Object.keys(RESERVED_PREFIXES).some((reserved) => prefixesOverlap(prefix, reserved)),
  );
  return reserved === undefined ? null : `the key prefix ${JSON.stringify(reserved)}`;
}
