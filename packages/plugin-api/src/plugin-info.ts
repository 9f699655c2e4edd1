import { z } from "zod";
import { pluginApiErrors } from "./errors.js";
import type { PluginManifest } from "./manifest.js";
import { handlePatternMatches } from "./method-pattern.js";

/** What a plugin says of itself from `plugin_info`; it must agree with its manifest. */
export const pluginInfoSchema = z.object({
  name: z.string(),
  version: z.string(),
  api_version: z.string(),
  handles: z.array(z.string()).max(256),
});

export type PluginInfo = z.output<typeof pluginInfoSchema>;

/**
 * Fields in which `info` disagrees with `manifest`, one sentence each; empty when they agree.
 * Handlers may be named one by one in the code while the manifest claims `prefix.*`.
 */
export function pluginInfoProblems(info: PluginInfo, manifest: PluginManifest): string[] {
  const problems: string[] = [];
  for (const field of ["name", "version", "api_version"] as const) {
    if (info[field] !== manifest[field]) {
      problems.push(
        `${field} is ${JSON.stringify(info[field])} in plugin_info but ${JSON.stringify(manifest[field])} in plugin.json`,
      );
    }
  }
  for (const method of info.handles) {
    if (!manifest.handles.some((pattern) => handlePatternMatches(pattern, method))) {
      problems.push(`handler ${JSON.stringify(method)} is not covered by "handles" in plugin.json`);
    }
  }
  for (const pattern of manifest.handles) {
    if (!info.handles.some((method) => method === pattern || handlePatternMatches(pattern, method))) {
      problems.push(`"handles" names ${JSON.stringify(pattern)}, for which the plugin has no handler`);
    }
  }
  return problems;
}

/**
 * Checks the parsed answer of `plugin_info` against the manifest: the rule of the build and of the install.
 *
 * @throws AspenError `PLUGIN_INVALID_RESPONSE` when it does not follow the contract
 * @throws AspenError `MANIFEST_INVALID` when the two disagree; `details.problems` lists where
 */
export function parsePluginInfo(answer: unknown, manifest: PluginManifest): PluginInfo {
  const info = pluginInfoSchema.safeParse(answer);
  if (!info.success) throw pluginApiErrors.infoInvalid(manifest.name);
  const problems = pluginInfoProblems(info.data, manifest);
  if (problems.length > 0) throw pluginApiErrors.infoMismatch(manifest.name, problems);
  return info.data;
}
