import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { describePlugin } from "../../plugin-info.js";

export function addPluginEnable(plugin: Command): void {
  addClientCommand(plugin, {
    usage: "enable <name>",
    description: "starts a disabled plugin",
    example: "plugin enable echo-plugin",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = session(command);
    const result = await client.call("plugin.enable", { name });
    output.result(result, `enabled ${describePlugin(result)}`);
  });
}
