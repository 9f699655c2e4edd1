import type { Command } from "commander";
import { addNoun } from "../../../global-options.js";
import { addRepoCreate } from "./create.js";
import { addRepoDelete } from "./delete.js";
import { addRepoGet } from "./get.js";
import { addRepoList } from "./list.js";
import { addRepoRename } from "./rename.js";
import { addRepoUpdate } from "./update.js";

export function addForgeRepoCommands(forge: Command): void {
  const repo = addNoun(forge, "repo", "creates repositories, shows and changes them");
  addRepoCreate(repo);
  addRepoGet(repo);
  addRepoList(repo);
  addRepoUpdate(repo);
  addRepoRename(repo);
  addRepoDelete(repo);
}
