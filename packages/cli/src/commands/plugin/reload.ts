import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { describePlugin } from "../../plugin-info.js";

export function addPluginReload(plugin: Command): void {
  addClientCommand(plugin, {
    usage: "reload <name>",
    description: "starts a plugin afresh; calls under way end on the old one",
    example: "plugin reload echo-plugin",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = session(command);
    const result = await client.call("plugin.reload", { name });
    output.result(result, `reloaded ${describePlugin(result)}`);
  });
}
