import { errorStatus } from "@aspen/plugin-api";
import { fromWire } from "@aspen/rpc-core/remote";
import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { cliErrors } from "../../errors.js";
import { wireToText } from "../../input.js";
import { printable } from "../../output.js";

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
      const entry = await client.call("kv.get", { key });
      const absent = cliErrors.keyNotFound(key);
      if (!entry && !output.json) throw absent;
      if (entry && raw) output.bytes(fromWire(entry.value));
      else output.result(entry, entry ? printable(wireToText(entry.value)) : "");
      // With --json the answer is the null on stdout.
      if (!entry) process.exitCode = errorStatus(absent).exit;
    });
}
