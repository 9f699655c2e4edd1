import {
  artifactsOf,
  type HostFunctionName,
  type Permission,
  type PluginEntry,
  type PluginManifest,
  type PluginManifestInput,
  parseManifest,
  withOverrides,
} from "../../src/index.js";

/** What an author has to write, and no more. */
export const least: PluginManifestInput = {
  name: "shop",
  version: "1.0.0",
  api_version: "1.0",
  handles: ["shop.*"],
};
// @ts-expect-error it answers nothing
export const mute: PluginManifestInput = { name: "shop", version: "1.0.0", api_version: "1.0" };
// @ts-expect-error there is no such field
export const misspelt: PluginManifestInput = { ...least, permission: [] };
// @ts-expect-error there is no such isolation
export const isolated: PluginManifestInput = { ...least, isolation: "process" };

/** Every default is filled in. */
const manifest = parseManifest(least);
export const filled: [number, string[], "instance" | "call"] = [
  manifest.priority,
  manifest.kv_prefixes,
  manifest.isolation,
];
// @ts-expect-error what an author writes lacks the defaults
export const whole: PluginManifest = least;
export const lowered: PluginManifest = withOverrides(manifest, { memory_limit: 65_536 });
// @ts-expect-error a name is the author's to choose
withOverrides(manifest, { name: "other" });

/** An entry is known by its kind. */
export function fileOf(entry: PluginEntry): string {
  // @ts-expect-error only one kind has a wasm file
  if (entry.wasm) return "";
  switch (entry.kind) {
    case "wasm":
      return entry.wasm;
    case "native":
      return entry.module;
    case "ipc":
      return entry.command;
  }
}
export const [artifact]: { name: string; hash?: string }[] = artifactsOf(manifest);

export const simple: Permission = "kv:read";
// @ts-expect-error there is no such permission
export const unknownPermission: Permission = "kv:everything";
export const known: HostFunctionName = "kv_get";
// @ts-expect-error there is no such host function
export const unknownFunction: HostFunctionName = "kv_steal";
