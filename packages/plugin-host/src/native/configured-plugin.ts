import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type PluginManifest, parseManifest } from "@aspen/plugin-api";
import { nativeErrors } from "../errors.js";
import { assertConfig } from "../plugin-store/config-check.js";
import type { ConfiguredPlugin } from "../plugin-store/configured-plugins.js";
import { newRecord } from "../plugin-store/new-record.js";

/** One plugin of `features.plugins-native.plugins`. */
export interface NativePluginConfig {
  /** Folder of a plugin, with its plugin.json; also one that was written for WASM. Relative to the working directory. */
  folder?: string | undefined;
  /** The manifest, or the path of its file. @default plugin.json of the folder */
  manifest?: string | Record<string, unknown> | undefined;
  /**
   * A plugin as `definePlugin` returns it, a module that exports one as `default`, or the path of such a module.
   * @default what the manifest's `entry` names in the folder: the module of a native plugin, the source of one for WASM
   */
  module?: unknown;
  /** What the plugin reads through `config`. @default {} */
  config?: Record<string, unknown> | undefined;
  /** Order among handlers, from 500 to 699 or 800 to 999. @default the manifest's, from 900 on */
  priority?: number | undefined;
}

/**
 * Reads what the configuration says of one plugin. What this resolves to makes it one that is there since `now`, ISO 8601.
 *
 * @param where the field of the configuration, for errors
 * @throws AspenError `CONFIG_INVALID`, or what is wrong with its manifest
 */
export async function configuredPlugin(
  where: string,
  config: NativePluginConfig,
): Promise<(now: string) => ConfiguredPlugin> {
  const folder = config.folder === undefined ? null : resolve(config.folder);
  const input = config.manifest ?? (folder === null ? undefined : join(folder, "plugin.json"));
  const written = parseManifest(typeof input === "string" ? await manifestOf(where, resolve(input)) : input);
  const module = moduleOf(where, written, folder, config.module);
  const manifest: PluginManifest = {
    ...written,
    entry: { kind: "native", module: "." },
    priority: config.priority ?? written.priority,
  };
  await assertConfig(manifest, config.config ?? {});
  const parts = { manifest, artifacts: [], overrides: {}, official: null, config: config.config ?? {} };
  return (now) => ({ record: newRecord(parts, now), module });
}

async function manifestOf(where: string, path: string): Promise<unknown> {
  try {
    return JSON.parse((await readFile(path, "utf8")).replace(/^\uFEFF/, ""));
  } catch (error) {
    throw nativeErrors.manifestUnreadable(where, path, error);
  }
}

function moduleOf(where: string, { name, entry }: PluginManifest, folder: string | null, module: unknown): unknown {
  if (typeof module === "string" && !module.startsWith("file:")) return resolve(module);
  if (module !== undefined) return module;
  if (folder !== null && entry.kind === "native") return join(folder, entry.module);
  if (folder !== null && entry.kind === "wasm") return join(folder, entry.source);
  throw nativeErrors.noModule(where, name);
}
