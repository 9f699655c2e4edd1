import type { Command } from "commander";
import { wholeNumber } from "../../command.js";
import { addTokenCommand, withTokens } from "../../store/token-command.js";
import { tokenTable } from "../../token-text.js";

export function addTokenList(token: Command): void {
  addTokenCommand(token, {
    usage: "list",
    description: "lists one page of the tokens that were made; with a token, of those derived from it",
    example: "token list --limit 20",
  })
    .option("--limit <n>", "most tokens of the page (100 unless given)", (text) => wholeNumber(text, 1, 1000))
    .option("--after <cursor>", "go on where the page before ended")
    .action(({ limit, after }: { limit?: number; after?: string }, command: Command) =>
      withTokens(command, async (client, output) => {
        const page = await client.call("token.list", { limit, after });
        output.result(page, tokenTable(page.tokens));
        if (page.cursor !== null) output.note(`more: --after ${page.cursor}`);
      }),
    );
}
