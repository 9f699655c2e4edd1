import { LIMITS } from "@aspen/plugin-api";
import type { Command } from "commander";
import { addClientCommand, session, wholeNumber } from "../../command.js";
import { cliErrors } from "../../errors.js";
import { bytesToWire, parseJson } from "../../input.js";
import { grant } from "../../plugin-folder/grant.js";
import { loadPlugin } from "../../plugin-folder/load-plugin.js";
import { describePlugin, type Installed } from "../../plugin-info.js";

interface InstallFlags {
  yes?: boolean;
  update?: boolean;
  config?: string;
  priority?: number;
  kvPrefixes?: string[];
}

export function addPluginInstall(plugin: Command): void {
  addClientCommand(plugin, {
    usage: "install <path>",
    description: "installs a plugin from its folder (built first when it has to be) or from a wasm file",
    example: "plugin install ./my-plugin --yes",
  })
    .option("-y, --yes", "grant the permissions it asks for without asking")
    .option("--update", "replace the installed version")
    .option("--config <json>", "configuration that the plugin can read, as a JSON object")
    .option("--priority <n>", "order among handlers, instead of plugin.json's", (text) =>
      wholeNumber(text, LIMITS.pluginPriorityMin, LIMITS.pluginPriorityMax),
    )
    .option("--kv-prefixes <list>", "key prefixes, separated by commas, instead of plugin.json's", (text) =>
      text.split(",").filter((prefix) => prefix !== ""),
    )
    .action(async (path: string, flags: InstallFlags, command: Command) => {
      const { client, output } = session(command);
      const config = flags.config === undefined ? undefined : parseConfig(flags.config);
      const { manifest, wasm } = await loadPlugin(path, {
        overrides: { priority: flags.priority, kvPrefixes: flags.kvPrefixes },
        onBuilt: ({ name, bytes, ms }) => output.note(`built ${name}: ${bytes} bytes in ${ms} ms`),
      });
      await grant(manifest, flags.yes ?? false, output);
      const method = flags.update ? "plugin.update" : "plugin.install";
      const result = await client.call<Installed>(method, { manifest, wasm: bytesToWire(wasm), config });
      for (const warning of result.warnings) output.note(`warning: ${warning}`);
      for (const { method: shadowed, by } of result.shadowed) {
        output.note(`warning: ${shadowed} is answered by ${by}, which comes first`);
      }
      for (const { method: taken, from } of result.takenOver) {
        output.note(`warning: ${taken} of ${from} is answered by ${result.name} from now on`);
      }
      output.result(result, `${flags.update ? "updated" : "installed"} ${describePlugin(result)}`);
    });
}

function parseConfig(text: string): Record<string, unknown> {
  const config = parseJson("--config", text);
  if (typeof config === "object" && config !== null && !Array.isArray(config)) return config as Record<string, unknown>;
  throw cliErrors.notJson("--config", "it must be an object");
}
