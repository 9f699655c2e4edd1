import { type Command, Option } from "commander";
import type { Repository } from "./forge-session.js";

export interface SettingsFlags {
  visibility?: Repository["visibility"];
  branch?: string;
  description?: string;
}

/** The options that say what a repository is. */
export function addSettings(command: Command, unless: { visibility: string; branch: string }): Command {
  return command
    .addOption(
      new Option("--visibility <who>", `who may clone it: public is everybody ${unless.visibility}`.trim()).choices([
        "public",
        "private",
      ]),
    )
    .option("--branch <name>", `its default branch ${unless.branch}`.trim())
    .option("--description <text>", "what it is");
}

export function settingsOf({ visibility, branch, description }: SettingsFlags) {
  return {
    ...(visibility === undefined ? {} : { visibility }),
    ...(branch === undefined ? {} : { defaultBranch: branch }),
    ...(description === undefined ? {} : { description }),
  };
}
