import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addForgeRepoCommands } from "./repo/index.js";

export function addForgeCommands(program: Command): void {
  const forge = addNoun(program, "forge", "manages the git repositories that nodes host");
  addForgeRepoCommands(forge);
}
