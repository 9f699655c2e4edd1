import type { Command } from "commander";
import { addClientCommand, session, wholeNumber } from "../../command.js";
import { cliErrors } from "../../errors.js";

interface Flags {
  absent?: boolean;
  delete?: boolean;
  ttlMs?: number;
}

export function addKvCas(kv: Command): void {
  addClientCommand(kv, {
    usage: "cas <key> [values...]",
    description: "compare and swap: writes a value when the key has the expected one; values are EXPECTED VALUE",
    example: "kv cas greeting hello goodbye",
  })
    .option("--absent", "expect that the key is absent; give VALUE alone")
    .option("--delete", "delete instead of writing; give EXPECTED alone")
    .option("--ttl-ms <ms>", "milliseconds until the entry expires; without it the entry does not", (text) =>
      wholeNumber(text, 1, Number.MAX_SAFE_INTEGER),
    )
    .action(async (key: string, values: string[], flags: Flags, command: Command) => {
      const rest = [...values];
      const expected = flags.absent ? null : rest.shift();
      const value = flags.delete ? null : rest.shift();
      if (expected === undefined || value === undefined || rest.length > 0) {
        throw cliErrors.usage("give EXPECTED VALUE, --absent VALUE, or EXPECTED --delete");
      }
      const { client, output } = session(command);
      const result = await client.call("kv.cas", { key, expected, value, ttlMs: flags.ttlMs });
      output.result(result, `version ${result.version}`);
    });
}
