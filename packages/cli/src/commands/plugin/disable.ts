import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { describePlugin, type Plugin } from "../../plugin-info.js";

export function addPluginDisable(plugin: Command): void {
  addClientCommand(plugin, {
    usage: "disable <name>",
    description: "stops a plugin and keeps it installed",
    example: "plugin disable echo-plugin",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = session(command);
    const result = await client.call<Plugin>("plugin.disable", { name });
    output.result(result, `disabled ${describePlugin(result)}`);
  });
}
