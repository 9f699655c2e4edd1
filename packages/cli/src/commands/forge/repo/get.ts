import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { forgeSession, repositoryName } from "../../../forge/forge-session.js";
import { repoText } from "../../../forge/repo-text.js";

export function addRepoGet(repo: Command): void {
  addClientCommand(repo, {
    usage: "get <owner/name>",
    description: "shows a repository",
    example: "forge repo get ada/site",
  }).action(async (name: string, _options: unknown, command: Command) => {
    const { client, output } = forgeSession(command);
    const shown = await client.call("forge.repo.get", repositoryName(name));
    output.result(shown, repoText(shown));
  });
}
