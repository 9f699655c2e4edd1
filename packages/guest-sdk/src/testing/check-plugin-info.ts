import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseManifest, pluginInfoProblems, pluginInfoSchema } from "@aspen/plugin-api";
import { compilePlugin } from "../compiler/build-plugin.js";
import { GuestRunner } from "./guest-runner.js";

export interface PluginInfoCheck {
  /** What `plugin_info` and `plugin.json` disagree on, one sentence each; empty when they agree. */
  problems: string[];
  /** The wasm that was checked, for further tests. */
  wasm: Uint8Array;
}

/**
 * Compiles the plugin of a folder and compares what it says of itself with its plugin.json.
 *
 * @throws AspenError `MANIFEST_INVALID`, `BUILD_FAILED`
 */
export async function checkPluginInfo(directory: string): Promise<PluginInfoCheck> {
  const { wasm } = await compilePlugin(directory);
  const manifest = parseManifest(JSON.parse(await readFile(join(directory, "plugin.json"), "utf8")));
  const result = new GuestRunner(await WebAssembly.compile(wasm as BufferSource)).call("plugin_info");
  if (!result.ok) return { problems: [`plugin_info failed: ${result.error}`], wasm };
  const info = pluginInfoSchema.safeParse(JSON.parse(result.output));
  if (!info.success) return { problems: ["plugin_info does not follow the contract"], wasm };
  return { problems: pluginInfoProblems(info.data, manifest), wasm };
}
