import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { forgeSession, repositoryName } from "../../../forge/forge-session.js";
import { addSettings, type SettingsFlags, settingsOf } from "../../../forge/settings.js";
import { printable } from "../../../output.js";

export function addRepoCreate(repo: Command): void {
  const create = addClientCommand(repo, {
    usage: "create <owner/name>",
    description: "creates a repository, and says how to clone it",
    example: "forge repo create ada/site --visibility public",
  });
  addSettings(create, { visibility: "(private unless given)", branch: "(main unless given)" }).action(
    async (name: string, flags: SettingsFlags, command: Command) => {
      const { client, output } = forgeSession(command);
      const made = await client.call("forge.repo.create", { ...repositoryName(name), ...settingsOf(flags) });
      output.result(made, `git clone ${printable(made.cloneUrl)}`);
    },
  );
}
