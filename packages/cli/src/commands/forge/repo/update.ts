import type { Command } from "commander";
import { addClientCommand } from "../../../command.js";
import { forgeSession, repositoryName } from "../../../forge/forge-session.js";
import { repoText } from "../../../forge/repo-text.js";
import { addSettings, type SettingsFlags, settingsOf } from "../../../forge/settings.js";

export function addRepoUpdate(repo: Command): void {
  const update = addClientCommand(repo, {
    usage: "update <owner/name>",
    description: "changes who may clone a repository, its default branch or its description",
    example: "forge repo update ada/site --visibility public",
  });
  addSettings(update, { visibility: "", branch: "" }).action(
    async (name: string, flags: SettingsFlags, command: Command) => {
      const { client, output } = forgeSession(command);
      const shown = await client.call("forge.repo.update", { ...repositoryName(name), ...settingsOf(flags) });
      output.result(shown, repoText(shown));
    },
  );
}
