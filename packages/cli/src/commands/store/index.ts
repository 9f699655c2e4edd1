import type { Command } from "commander";
import { addStoreExport } from "./export.js";
import { addStoreImport } from "./import.js";
import { addStoreStats } from "./stats.js";
import { addStoreVerify } from "./verify.js";

export function addStoreCommands(program: Command): void {
  const store = program.command("store").description("verifies, moves and measures a whole store, without a node");
  addStoreVerify(store);
  addStoreExport(store);
  addStoreImport(store);
  addStoreStats(store);
}
