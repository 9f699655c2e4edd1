import { withOverrides } from "@aspen/plugin-api";
import type { PluginSnapshot } from "@aspen/plugin-host";
import type { Command } from "commander";
import { session } from "../../command.js";
import { table } from "../../output.js";
import type { ShownPlugin } from "../../plugin-info.js";
import { addPluginStoreCommand, namesStore, withPluginStore } from "../../store/plugin-store-command.js";

/** What `plugin.list` answers; the part that is shown. */
interface PluginList {
  safeMode?: boolean;
  plugins: ShownPlugin[];
  unreadable: { name: string }[];
}

export function addPluginList(plugin: Command): void {
  addPluginStoreCommand(plugin, {
    usage: "list",
    description: "lists the installed plugins",
    example: "plugin list --json",
  }).action(async (_options: unknown, command: Command) => {
    if (namesStore(command)) {
      return withPluginStore(command, async ({ store }, output) => {
        const result = listOf(await store.snapshot());
        output.result(result, textOf(result));
      });
    }
    const { client, output } = session(command);
    const result = await client.call("plugin.list");
    if (result.safeMode) output.note("warning: the node runs in safe mode: no plugin is started");
    output.result(result, textOf(result));
  });
}

function textOf({ plugins, unreadable }: PluginList): string {
  const rows = plugins.map(({ name, version, state, priority, handles }) => [
    name,
    version,
    state,
    String(priority),
    handles.join(" "),
  ]);
  for (const { name } of unreadable) rows.push([name, "-", "unreadable", "-", "-"]);
  return table(["NAME", "VERSION", "STATE", "PRIORITY", "HANDLES"], rows);
}

/** As the store has them: a state on a node is none of its. */
function listOf({ records, corrupt }: PluginSnapshot): PluginList {
  const plugins = [...records.values()].map((record) => {
    const { enabled, startDeath } = record;
    const { name, version, priority, handles } = withOverrides(record.manifest, record.overrides);
    return { name, version, state: enabled ? (startDeath?.verdict ?? "enabled") : "disabled", priority, handles };
  });
  return { plugins, unreadable: [...corrupt.keys()].map((name) => ({ name })) };
}
