import type { PluginManifest } from "@aspen/plugin-api";

/** Names of the plugins that `manifest` needs, and of those that they need, in their order. */
export function neededBy(manifest: PluginManifest, order: readonly PluginManifest[]): string[] {
  const needed = new Set(manifest.dependencies.map(({ name }) => name));
  for (const other of order.toReversed()) {
    if (needed.has(other.name)) for (const { name } of other.dependencies) needed.add(name);
  }
  return order.filter(({ name }) => needed.has(name)).map(({ name }) => name);
}
