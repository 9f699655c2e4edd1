import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addClusterNodes } from "./nodes.js";

export function addClusterCommands(program: Command): void {
  addClusterNodes(addNoun(program, "cluster", "shows the nodes that share a store"));
}
