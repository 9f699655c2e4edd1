import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { printable } from "../../output.js";

export function addPluginInfo(plugin: Command): void {
  addClientCommand(plugin, {
    usage: "info <name>",
    description: "shows everything the node knows of a plugin",
    example: "plugin info echo-plugin",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = session(command);
    const result = await client.call("plugin.info", { name });
    output.result(result, printable(JSON.stringify(result, null, 2)));
  });
}
