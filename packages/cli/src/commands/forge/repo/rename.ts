import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { forgeSession, repositoryName } from "../../../forge/forge-session.js";
import { printable } from "../../../output.js";

export function addRepoRename(repo: Command): void {
  addClientCommand(repo, {
    usage: "rename <owner/name> <to>",
    description: "gives a repository another name, and another owner",
    example: "forge repo rename ada/site ada/home",
  }).action(async (name: string, to: string, _options: unknown, command: Command) => {
    const { client, output } = forgeSession(command);
    const shown = await client.call("forge.repo.rename", { ...repositoryName(name), to: repositoryName(to) });
    output.result(shown, `git clone ${printable(shown.cloneUrl)}`);
  });
}
