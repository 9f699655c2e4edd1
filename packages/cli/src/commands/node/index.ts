import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addNodeStart } from "./start.js";

export function addNodeCommands(program: Command): void {
  addNodeStart(addNoun(program, "node", "runs a node"));
}
