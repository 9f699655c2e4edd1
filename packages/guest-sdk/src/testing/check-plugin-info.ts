import { join, resolve } from "node:path";
import { pluginInfoProblems, pluginInfoSchema } from "@aspen/plugin-api";
import { runBuild } from "../compiler/process/run-build.js";
import { readManifest } from "../compiler/read-manifest.js";

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
  const folder = resolve(directory);
  const manifest = await readManifest(join(folder, "plugin.json"));
  // A build would end with an error where this lists the problems.
  const { wasm, info: answer } = await runBuild({ type: "compile", directory: folder, manifest });
  if (!answer.ok) return { problems: [`plugin_info failed: ${answer.error}`], wasm };
  const info = pluginInfoSchema.safeParse(JSON.parse(answer.output));
  if (!info.success) return { problems: ["plugin_info does not follow the contract"], wasm };
  return { problems: pluginInfoProblems(info.data, manifest), wasm };
}
