import type { RpcClient } from "@aspen/rpc-core/remote";
import type { Command } from "commander";
import { type CommandSpec, session } from "../command.js";
import type { Output } from "../output.js";
import { addPluginStoreCommand, BY_OPERATOR, namesStore } from "./plugin-store-command.js";
import { withStore } from "./store-command.js";

/** A command on tokens that talks to a node, or works on the store: how the first token is made where all need one. */
export function addTokenCommand(parent: Command, spec: CommandSpec): Command {
  return addPluginStoreCommand(parent, spec);
}

/** Calls `token.*` where the options say. Whoever has the store may do everything. */
export async function withTokens(
  command: Command,
  work: (client: RpcClient, output: Output) => Promise<void>,
): Promise<void> {
  if (!namesStore(command)) {
    const { client, output } = session(command);
    return work(client, output);
  }
  const { openTokens } = await import("@aspen/node");
  const grants = { methods: ["*"], kvPrefixes: [""] };
  await withStore(command, {}, async ({ store, output }) => {
    await using tokens = await openTokens(store.kv, { caller: { ...BY_OPERATOR, grants } });
    await work(tokens.client, output);
  });
}
