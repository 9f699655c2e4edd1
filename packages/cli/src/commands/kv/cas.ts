import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { cliErrors } from "../../errors.js";

export function addKvCas(kv: Command): void {
  addClientCommand(kv, {
    usage: "cas <key> [values...]",
    description: "compare and swap: writes a value when the key has the expected one; values are EXPECTED VALUE",
    example: "kv cas greeting hello goodbye",
  })
    .option("--absent", "expect that the key is absent; give VALUE alone")
    .option("--delete", "delete instead of writing; give EXPECTED alone")
    .action(async (key: string, values: string[], flags: { absent?: boolean; delete?: boolean }, command: Command) => {
      const rest = [...values];
      const expected = flags.absent ? null : rest.shift();
      const value = flags.delete ? null : rest.shift();
      if (expected === undefined || value === undefined || rest.length > 0) {
        throw cliErrors.usage("give EXPECTED VALUE, --absent VALUE, or EXPECTED --delete");
      }
      const { client, output } = session(command);
      const result = await client.call<{ version: number }>("kv.cas", { key, expected, value });
      output.result(result, `version ${result.version}`);
    });
}
