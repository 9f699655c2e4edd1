import type { PluginManifest, WasmEntry } from "@aspen/plugin-api";

/** The manifest of what this compiler builds. */
export type WasmManifest = PluginManifest & { entry: WasmEntry };

export function isWasmManifest(manifest: PluginManifest): manifest is WasmManifest {
  return manifest.entry.kind === "wasm";
}
