import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { counted, printable, table } from "../../output.js";

export function addPluginDeadEvents(plugin: Command): void {
  addClientCommand(plugin, {
    usage: "dead-events <name>",
    description: "lists the events that a plugin did not take, the oldest first",
    example: "plugin dead-events audit-logger",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = session(command);
    const result = await client.call("plugin.deadEvents", { name });
    const rows = result.events.map(({ event, topic, time, attempts, error }) => [
      ...[event, topic, time, String(attempts), `${error.code}: ${error.message}`],
    ]);
    const text = rows.length === 0 ? "no dead events" : table(["EVENT", "TOPIC", "TIME", "ATTEMPTS", "ERROR"], rows);
    output.result(result, text);
  });
}

export function addPluginRedrive(plugin: Command): void {
  addClientCommand(plugin, {
    usage: "redrive <name>",
    description: "tells a plugin of its dead events again; those that it takes are dead no more",
    example: "plugin redrive audit-logger",
  })
    .option("--event <id>", "only this one")
    .action(async (name: string, { event }: { event?: string }, command: Command) => {
      const { client, output } = session(command);
      const result = await client.call("plugin.redriveDeadEvents", { name, ...(event === undefined ? {} : { event }) });
      const { taken, failed, gone } = result;
      const lines = [
        `${printable(name)} took ${counted(taken.length, "event")}, ${failed.length} failed, ${gone.length} are kept no more`,
        ...failed.map((one) => `  ${one.event}: ${one.error.code}: ${one.error.message}`),
      ];
      output.result(result, printable(lines.join("\n")));
    });
}

export function addPluginPurge(plugin: Command): void {
  addClientCommand(plugin, {
    usage: "purge <name>",
    description: "forgets the dead events of a plugin",
    example: "plugin purge audit-logger",
  })
    .option("--event <id>", "only this one")
    .action(async (name: string, { event }: { event?: string }, command: Command) => {
      const { client, output } = session(command);
      const result = await client.call("plugin.purgeDeadEvents", { name, ...(event === undefined ? {} : { event }) });
      output.result(result, `purged ${counted(result.purged, "dead event")} of ${printable(name)}`);
    });
}
