import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addConfigPrint } from "./print.js";

export function addConfigCommands(program: Command): void {
  addConfigPrint(addNoun(program, "config", "shows how a node is configured"));
}
