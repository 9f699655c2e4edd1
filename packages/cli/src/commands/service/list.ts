import type { Command } from "commander";
import { addClientCommand, session, wholeNumber } from "../../command.js";
import { table } from "../../output.js";

export function addServiceList(service: Command): void {
  addClientCommand(service, {
    usage: "list [prefix]",
    description: "lists one page of the services that have instances",
    example: "service list --limit 20",
  })
    .option("--limit <n>", "most services of the page", (text) => wholeNumber(text, 1, 1000))
    .option("--after <cursor>", "go on where the page before ended")
    .action(async (prefix: string | undefined, flags: { limit?: number; after?: string }, command: Command) => {
      const { client, output } = session(command);
      const page = await client.call("service.list", { prefix, limit: flags.limit, cursor: flags.after });
      const rows = page.services.map(({ service, instances }) => [service, String(instances)]);
      output.result(page, table(["SERVICE", "INSTANCES"], rows));
      if (page.cursor !== null) output.note(`more: --after ${page.cursor}`);
    });
}
