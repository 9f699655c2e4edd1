import { type PluginManifest, pluginApiErrors } from "@aspen/plugin-api";
import { NOTIFY_EXPORTS } from "../runtime.js";

/** @throws AspenError `MANIFEST_INVALID` when it is to be told of what it has no export for */
export function assertNotifiable(manifest: PluginManifest, exports: readonly string[]): void {
  const wanted = [
    { field: "timers", name: NOTIFY_EXPORTS.timer, handler: "onTimer" },
    { field: "subscriptions", name: NOTIFY_EXPORTS.event, handler: "onHookEvent" },
  ] as const;
  const missing = wanted.filter(({ field, name }) => manifest[field].length > 0 && !exports.includes(name));
  if (missing.length === 0) return;
  throw pluginApiErrors.manifestInvalid(
    missing.map(({ field, name, handler }) => ({ field, rule: `needs the plugin to export ${name}: its ${handler}` })),
  );
}
