import type { PluginStoreParts } from "@aspen/plugin-host";
import { type Command, Option } from "commander";
import { addClientCommand, type CommandSpec } from "../command.js";
import { cliErrors } from "../errors.js";
import type { Output } from "../output.js";
import { withStore } from "./store-command.js";

/** Who changes a store without a node, as the audit trail has it. */
export const BY_OPERATOR = { kind: "local", id: "operator" } as const;

/** A command on installed plugins that talks to a node, or works on the store of a node that cannot start. */
export function addPluginStoreCommand(parent: Command, spec: CommandSpec): Command {
  return addClientCommand(parent, spec)
    .addOption(new Option("--data-dir <dir>", "without a node: embedded store of one that is stopped"))
    .addOption(
      // Not from ASPEN_REDIS_URL: whoever has it set still talks to a node.
      new Option("--redis <url>", "without a node: store in Redis; nodes may be using it").conflicts("dataDir"),
    );
}

/** True when the command's options name a store. @throws AspenError `INVALID_PARAMS` when they name a node, too */
export function namesStore(command: Command): boolean {
  const { dataDir, redis } = command.opts<{ dataDir?: string; redis?: string }>();
  if (dataDir === undefined && redis === undefined) return false;
  if (command.getOptionValueSource("node") === "cli") {
    throw cliErrors.usage("--node is for a node, --data-dir and --redis are for a store without one; give one of them");
  }
  return true;
}

/** Opens the store that the options name, for `work` on its plugins. */
export async function withPluginStore(
  command: Command,
  work: (parts: PluginStoreParts, output: Output) => Promise<void>,
): Promise<void> {
  // Only these commands need it.
  const { PluginStore } = await import("@aspen/plugin-host");
  await withStore(command, {}, async ({ store: { kv, blobs }, output }) => {
    const logger = { warn: (_fields: object, message: string) => output.note(`warning: ${message}`) };
    await work({ store: new PluginStore(kv), blobs, logger }, output);
  });
}
