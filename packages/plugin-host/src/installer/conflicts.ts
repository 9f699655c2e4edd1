import {
  allowedKvPrefixes,
  LIMITS,
  type PluginManifest,
  pluginApiErrors,
  prefixesOverlap,
  resolveLoadOrder,
} from "@aspen/plugin-api";
import { pluginErrors } from "../errors.js";
import { grantedManifest, type PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginSnapshot } from "../plugin-store/plugin-store.js";

/**
 * @param manifest as it was granted
 * @throws AspenError when it cannot stand beside the plugins that are installed
 */
export function assertInstallable({ records, corrupt }: PluginSnapshot, manifest: PluginManifest): void {
  const others = [...records.values()].filter((record) => record.manifest.name !== manifest.name);
  if (others.length + corrupt.size >= LIMITS.pluginsPerNode) throw pluginErrors.tooMany();
  if (corrupt.size > 0 && manifest.kv_prefixes.length > 0) {
    throw pluginErrors.prefixesUnknown(manifest.name, [...corrupt.keys()]);
  }
  for (const other of others) {
    for (const prefix of allowedKvPrefixes(manifest)) {
      const theirs = allowedKvPrefixes(grantedManifest(other)).find((candidate) => prefixesOverlap(prefix, candidate));
      if (theirs !== undefined) throw pluginErrors.prefixConflict(manifest.name, prefix, other.manifest.name, theirs);
    }
  }
  // An update may leave a plugin that depends on it without what it needs; what was broken before may stay so.
  const before = problemsOf(enabledOf([...records.values()]));
  before.delete(manifest.name);
  const after = resolveLoadOrder([...enabledOf(others), manifest]).problems;
  const added = after.filter(({ plugin }) => !before.has(plugin));
  if (added.length > 0) throw pluginApiErrors.dependency(added);
}

/** @throws AspenError `PLUGIN_DEPENDENCY` when an enabled plugin needs `name` */
export function assertNotNeeded({ records }: PluginSnapshot, name: string): void {
  const dependents = [...records.values()]
    .filter(({ enabled, manifest }) => enabled && manifest.dependencies.some((it) => it.name === name && !it.optional))
    .map(({ manifest }) => manifest.name);
  if (dependents.length > 0) throw pluginErrors.hasDependents(name, dependents);
}

function enabledOf(records: readonly PluginRecord[]): PluginManifest[] {
  return records.filter(({ enabled }) => enabled).map(({ manifest }) => manifest);
}

function problemsOf(manifests: readonly PluginManifest[]): Set<string> {
  return new Set(resolveLoadOrder(manifests).problems.map(({ plugin }) => plugin));
}
