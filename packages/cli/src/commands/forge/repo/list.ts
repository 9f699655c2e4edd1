import type { Command } from "commander";
import { addClientCommand, wholeNumber } from "../../../command.js";
import { forgeSession } from "../../../forge/forge-session.js";
import { repoTable } from "../../../forge/repo-text.js";

export function addRepoList(repo: Command): void {
  addClientCommand(repo, {
    usage: "list [owner]",
    description: "lists one page of the repositories that you may read, in the order of their names",
    example: "forge repo list ada --limit 20",
  })
    .option("--limit <n>", "most repositories of the page (100 unless given)", (text) => wholeNumber(text, 1, 1000))
    .option("--after <cursor>", "go on where the page before ended")
    .action(async (owner: string | undefined, flags: { limit?: number; after?: string }, command: Command) => {
      const { client, output } = forgeSession(command);
      const { limit, after } = flags;
      const page = await client.call("forge.repo.list", {
        ...(owner === undefined ? {} : { owner }),
        ...(limit === undefined ? {} : { limit }),
        ...(after === undefined ? {} : { after }),
      });
      output.result(page, repoTable(page.repositories));
      if (page.cursor !== null) output.note(`more: --after ${page.cursor}`);
    });
}
