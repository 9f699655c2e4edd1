import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { printable } from "../../output.js";

export function addPluginRemove(plugin: Command): void {
  addClientCommand(plugin, {
    usage: "remove <name>",
    description: "uninstalls a plugin; its data stays",
    example: "plugin remove echo-plugin",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = session(command);
    const result = await client.call("plugin.remove", { name });
    output.result(result, `removed ${printable(name)}`);
  });
}
