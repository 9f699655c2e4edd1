import type { Command } from "commander";
import { session } from "../../command.js";
import { printable } from "../../output.js";
import { describePlugin } from "../../plugin-info.js";
import { addPluginStoreCommand, BY_OPERATOR, namesStore, withPluginStore } from "../../store/plugin-store-command.js";

export function addPluginDisable(plugin: Command): void {
  addPluginStoreCommand(plugin, {
    usage: "disable <name>",
    description: "stops a plugin and keeps it installed",
    example: "plugin disable echo-plugin",
  }).action(async (name: string, _options: unknown, command: Command) => {
    if (namesStore(command)) {
      const { disablePlugin } = await import("@aspen/plugin-host");
      return withPluginStore(command, async (parts, output) => {
        await disablePlugin(parts, name, BY_OPERATOR);
        output.result({ disabled: name }, `disabled ${printable(name)}`);
      });
    }
    const { client, output } = session(command);
    const result = await client.call("plugin.disable", { name });
    output.result(result, `disabled ${describePlugin(result)}`);
  });
}
