import type { Command } from "commander";
import { addClientCommand, session, wholeNumber } from "../../command.js";
import { wireToText } from "../../input.js";
import { table } from "../../output.js";

interface ScanFlags {
  limit?: number;
  after?: string;
  reverse?: boolean;
  keysOnly?: boolean;
}

export function addKvScan(kv: Command): void {
  addClientCommand(kv, {
    usage: "scan [prefix]",
    description: "lists one page of the keys that start with a prefix",
    example: "kv scan user: --limit 20",
  })
    .option("--limit <n>", "most entries of the page", (text) => wholeNumber(text, 1, 10_000))
    .option("--after <cursor>", "go on where the page before ended")
    .option("--reverse", "from the last key to the first")
    .option("--keys-only", "leave the values out")
    .action(async (prefix: string | undefined, flags: ScanFlags, command: Command) => {
      const { client, output } = session(command);
      const { limit, after, reverse, keysOnly } = flags;
      const params = { prefix: prefix ?? "", limit, after, reverse, keysOnly };
      const page = await client.call("kv.scan", params);
      const rows = page.entries.map(({ key, value, version }) => [
        key,
        String(version),
        value === undefined ? "" : wireToText(value),
      ]);
      output.result(page, table(["KEY", "VERSION", "VALUE"], rows));
      if (page.cursor !== null) output.note(`more: --after ${page.cursor}`);
    });
}
