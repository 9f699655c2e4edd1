import type { Command } from "commander";
import { addClientCommand, session, wholeNumber } from "../../command.js";
import { table } from "../../output.js";
import { timeText } from "../../token-text.js";

export function addAuditCommand(program: Command): void {
  addClientCommand(program, {
    usage: "audit",
    description: "lists who installed, granted, revoked and removed plugins and tokens, the newest first",
    example: "audit --limit 20",
  })
    .option("--limit <n>", "most entries of the page (100 unless given)", (text) => wholeNumber(text, 1, 1000))
    .option("--after <cursor>", "go on where the page before ended")
    .action(async ({ limit, after }: { limit?: number; after?: string }, command: Command) => {
      const { client, output } = session(command);
      const page = await client.call("audit.list", { limit, after });
      const rows = page.entries.map(({ at, action, subject, by, details }) => [
        ...[timeText(at), action, subject, `${by.kind} ${by.id}`],
        details === undefined ? "" : JSON.stringify(details),
      ]);
      output.result(page, table(["AT", "ACTION", "OF", "BY", "DETAILS"], rows));
      if (page.unreadable.length > 0) output.note(`entries that cannot be read: ${page.unreadable.length}`);
      if (page.cursor !== null) output.note(`more: --after ${page.cursor}`);
    });
}
