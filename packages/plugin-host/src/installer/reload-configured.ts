import type { PluginRecord } from "../plugin-store/plugin-record.js";
import type { PluginStatus } from "../supervisor/supervised-plugin.js";
import type { PluginInstallerParts } from "./parts.js";
import { revised } from "./uninstall.js";

/** Starts a plugin of the node's configuration afresh; its module is read again. When that fails, the old one serves on. */
export async function reloadConfigured(
  { store, supervisor, logger }: PluginInstallerParts,
  before: PluginRecord,
): Promise<PluginStatus> {
  const { name, version } = before.manifest;
  const plugin = await supervisor.replace(name, {
    prepare: async () => ({ record: revised(before, store.now()), files: new Map(), basis: before.revision }),
    commit: async (record) => store.configured.revise(record),
  });
  logger.info({ plugin: name, version }, "plugin changed");
  return plugin.status();
}
