import type { AspenError, Logger } from "@aspen/plugin-api";
import type { OfficialPlugins } from "../official/official-plugins.js";
import type { PluginRecord } from "../plugin-store/plugin-record.js";

/** Says why a plugin is not started. What this node replaces in a moment is no trouble. */
export function logHeld(logger: Logger, official: OfficialPlugins, record: PluginRecord, error: AspenError): void {
  const fields = { plugin: record.manifest.name, version: record.manifest.version };
  if (official.replaces(record)) logger.info(fields, "a plugin is held until it is updated");
  else logger.error({ ...fields, err: error }, "a plugin is held");
}
