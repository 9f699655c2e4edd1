import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pluginErrors } from "../errors.js";
import { type OfficialPlugin, type OfficialPluginOptions, officialPlugin } from "./official-plugin.js";

export interface ReadOfficialPluginOptions extends Pick<OfficialPluginOptions, "feature" | "reservedPrefixes"> {
  /** Where `buildPlugin` put it: `plugin.json` with the hash of the file that lies beside it. */
  folder: string | URL;
}

/**
 * An official plugin as its package ships it. Its code is read when it is to be installed or updated.
 *
 * @throws AspenError `FEATURE_FAILED` when a file cannot be read, or what {@link officialPlugin} throws
 */
export async function readOfficialPlugin(options: ReadOfficialPluginOptions): Promise<OfficialPlugin> {
  const { feature, reservedPrefixes = [] } = options;
  const folder = typeof options.folder === "string" ? options.folder : fileURLToPath(options.folder);
  const read = async <T>(name: string, use: (content: Buffer) => T): Promise<T> => {
    const path = join(folder, name);
    try {
      return use(await readFile(path));
    } catch (error) {
      throw pluginErrors.officialUnreadable(feature, path, error);
    }
  };
  const manifest = await read("plugin.json", (content): unknown => JSON.parse(content.toString("utf8")));
  const plugin: OfficialPlugin = officialPlugin({
    ...{ feature, manifest, reservedPrefixes },
    files: () => Promise.all([...plugin.hashes.keys()].map((name) => read(name, (content) => ({ name, content })))),
  });
  return plugin;
}
