import { z } from "zod";
import { brokenRules } from "./broken-rules.js";
import { pluginApiErrors } from "./errors.js";
import type { PluginManifest } from "./manifest.js";
import { grantedFields } from "./manifest-fields.js";
import { prefixProblem } from "./namespaces.js";

/** What whoever installs a plugin grants in place of what its manifest asks for. Fields and limits are the manifest's. */
export const overridesSchema = z.strictObject(grantedFields).partial();

export type PluginOverrides = z.output<typeof overridesSchema>;

/**
 * Checks overrides of the plugin of this name.
 *
 * @throws AspenError `INVALID_PARAMS`; `details.field` names the first broken field, `details.problems` lists all
 * @throws AspenError `PLUGIN_PREFIX_CONFLICT` when a prefix is reserved; `details.field` is `overrides.kv_prefixes`
 */
export function parseOverrides(plugin: string, input: unknown): PluginOverrides {
  const parsed = overridesSchema.safeParse(input);
  if (!parsed.success) throw pluginApiErrors.overridesInvalid(plugin, brokenRules(parsed.error, "them", ["overrides"]));
  for (const prefix of parsed.data.kv_prefixes ?? []) {
    const problem = prefixProblem(plugin, prefix);
    if (problem) throw pluginApiErrors.prefixConflict(plugin, problem, "overrides.kv_prefixes");
  }
  return parsed.data;
}

/** The manifest as it was granted. */
export function withOverrides(manifest: PluginManifest, overrides: PluginOverrides): PluginManifest {
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined);
  return { ...manifest, ...(Object.fromEntries(given) as Partial<PluginManifest>) };
}
