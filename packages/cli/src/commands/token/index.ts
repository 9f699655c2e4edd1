import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addTokenCreate } from "./create.js";
import { addTokenInspect } from "./inspect.js";
import { addTokenList } from "./list.js";
import { addTokenRevoke } from "./revoke.js";
import { addTokenRotate } from "./rotate.js";

export function addTokenCommands(program: Command): void {
  const token = addNoun(program, "token", "makes and revokes tokens, by which a node knows its callers");
  addTokenCreate(token);
  addTokenList(token);
  addTokenInspect(token);
  addTokenRevoke(token);
  addTokenRotate(token);
}
