import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { table } from "../../output.js";
import type { Plugin } from "../../plugin-info.js";

export function addPluginList(plugin: Command): void {
  addClientCommand(plugin, {
    usage: "list",
    description: "lists the installed plugins",
    example: "plugin list --json",
  }).action(async (_options: unknown, command: Command) => {
    const { client, output } = session(command);
    const result = await client.call<{ plugins: Plugin[]; unreadable: { name: string }[] }>("plugin.list");
    const rows = result.plugins.map(({ name, version, state, priority, handles }) => [
      name,
      version,
      state,
      String(priority),
      handles.join(" "),
    ]);
    for (const { name } of result.unreadable) rows.push([name, "-", "unreadable", "-", "-"]);
    output.result(result, table(["NAME", "VERSION", "STATE", "PRIORITY", "HANDLES"], rows));
  });
}
