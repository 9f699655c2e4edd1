import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { forgeSession, repositoryName } from "../../../forge/forge-session.js";
import { printable } from "../../../output.js";

export function addRepoDelete(repo: Command): void {
  addClientCommand(repo, {
    usage: "delete <owner/name>",
    description: "deletes a repository with all that is in it",
    example: "forge repo delete ada/site",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = forgeSession(command);
    const result = await client.call("forge.repo.delete", repositoryName(name));
    output.result(result, `deleted ${printable(result.deleted)}`);
  });
}
