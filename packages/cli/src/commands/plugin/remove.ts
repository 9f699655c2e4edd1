import type { Command } from "commander";
import { session } from "../../command.js";
import { printable } from "../../output.js";
import { addPluginStoreCommand, BY_OPERATOR, namesStore, withPluginStore } from "../../store/plugin-store-command.js";

export function addPluginRemove(plugin: Command): void {
  addPluginStoreCommand(plugin, {
    usage: "remove <name>",
    description: "uninstalls a plugin; its data stays",
    example: "plugin remove echo-plugin",
  }).action(async (name: string, _options: unknown, command: Command) => {
    if (namesStore(command)) {
      const { removePlugin } = await import("@aspen/plugin-host");
      return withPluginStore(command, async (parts, output) => {
        await removePlugin(parts, name, BY_OPERATOR);
        output.result({ removed: name }, `removed ${printable(name)}`);
      });
    }
    const { client, output } = session(command);
    const result = await client.call("plugin.remove", { name });
    output.result(result, `removed ${printable(name)}`);
  });
}
