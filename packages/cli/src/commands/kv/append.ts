import { toBase64 } from "@aspen/rpc-core/remote";
import type { Command } from "commander";
import { addClientCommand, session, wholeNumber } from "../../command.js";
import { cliErrors } from "../../errors.js";
import { readInput } from "../../input.js";
import { printable } from "../../output.js";

interface Flags {
  file?: string;
  ttlMs?: number;
}

export function addKvAppend(kv: Command): void {
  addClientCommand(kv, {
    usage: "append <prefix> [value]",
    description: "writes a value under a new key behind all that were appended to the prefix; shows the key",
    example: "kv append log:today: hello",
  })
    .option("--file <file>", "take the value from a file; - for stdin")
    .option("--ttl-ms <ms>", "milliseconds until the entry expires", (text) =>
      wholeNumber(text, 1, Number.MAX_SAFE_INTEGER),
    )
    .action(async (prefix: string, text: string | undefined, { file, ttlMs }: Flags, command: Command) => {
      if ((text === undefined) === (file === undefined)) throw cliErrors.usage("give either a value or --file");
      const { client, output } = session(command);
      const value = text ?? toBase64(await readInput(file!));
      const result = await client.call("kv.append", { prefix, value, ttlMs });
      output.result(result, printable(result.key));
    });
}
