import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addWorkerList } from "./list.js";

export function addWorkerCommands(program: Command): void {
  const worker = addNoun(program, "worker", "shows who runs jobs");
  addWorkerList(worker);
}
