import { toBase64 } from "@aspen/rpc-core/remote";
import type { Command } from "commander";
import { addClientCommand, session, wholeNumber } from "../../command.js";
import { cliErrors } from "../../errors.js";
import { readInput } from "../../input.js";

export function addKvPut(kv: Command): void {
  addClientCommand(kv, {
    usage: "put <key> [value]",
    description: "writes a value",
    example: "kv put greeting hello",
  })
    .option("--file <file>", "take the value from a file; - for stdin")
    .option("--ttl-ms <ms>", "milliseconds until the entry expires", (text) =>
      wholeNumber(text, 1, Number.MAX_SAFE_INTEGER),
    )
    .action(
      async (
        key: string,
        text: string | undefined,
        { file, ttlMs }: { file?: string; ttlMs?: number },
        command: Command,
      ) => {
        if ((text === undefined) === (file === undefined)) throw cliErrors.usage("give either a value or --file");
        const { client, output } = session(command);
        const value = text ?? toBase64(await readInput(file!));
        const result = await client.call("kv.put", { key, value, ttlMs });
        output.result(result, `version ${result.version}`);
      },
    );
}
