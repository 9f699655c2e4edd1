import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addStoreExport } from "./export.js";
import { addStoreImport } from "./import.js";
import { addStoreStats } from "./stats.js";
import { addStoreVerify } from "./verify.js";

export function addStoreCommands(program: Command): void {
  const store = addNoun(program, "store", "verifies, moves and measures a whole store, without a node");
  addStoreVerify(store);
  addStoreExport(store);
  addStoreImport(store);
  addStoreStats(store);
}
