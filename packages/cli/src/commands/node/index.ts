import type { Command } from "commander";
import { addNodeStart } from "./start.js";

export function addNodeCommands(program: Command): void {
  addNodeStart(program.command("node").description("runs a node"));
}
