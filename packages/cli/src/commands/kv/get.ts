import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { type WireValue, wireToText } from "../../input.js";
import { printable } from "../../output.js";

/** An entry as `kv.get` and `kv.scan` answer it. */
export interface Entry {
  key: string;
  value: WireValue;
  version: number;
}

export function addKvGet(kv: Command): void {
  addClientCommand(kv, {
    usage: "get <key>",
    description: "shows the value of a key; (absent) when it has none",
    example: "kv get greeting",
  }).action(async (key: string, _options: unknown, command: Command) => {
    const { client, output } = session(command);
    const entry = await client.call<Entry | null>("kv.get", { key });
    output.result(entry, entry ? printable(wireToText(entry.value)) : "(absent)");
  });
}
