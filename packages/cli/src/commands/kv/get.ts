import { errorStatus } from "@aspen/plugin-api";
import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { cliErrors } from "../../errors.js";
import { type WireValue, wireToBytes, wireToText } from "../../input.js";
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
    description: "shows the value of a key",
    example: "kv get greeting",
  })
    .option("--raw", "write the value's bytes as they are, for pipes")
    .action(async (key: string, { raw = false }: { raw?: boolean }, command: Command) => {
      const { client, output } = session(command);
      if (raw && output.json) throw cliErrors.usage("give either --raw or --json");
      const entry = await client.call<Entry | null>("kv.get", { key });
      const absent = cliErrors.keyNotFound(key);
      if (!entry && !output.json) throw absent;
      if (entry && raw) output.bytes(wireToBytes(entry.value));
      else output.result(entry, entry ? printable(wireToText(entry.value)) : "");
      // With --json the answer is the null on stdout.
      if (!entry) process.exitCode = errorStatus(absent.code).exit;
    });
}
