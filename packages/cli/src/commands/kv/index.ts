import type { Command } from "commander";
import { addKvCas } from "./cas.js";
import { addKvDelete } from "./delete.js";
import { addKvGet } from "./get.js";
import { addKvPut } from "./put.js";
import { addKvScan } from "./scan.js";

export function addKvCommands(program: Command): void {
  const kv = program.command("kv").description("reads and writes the key-value store");
  addKvGet(kv);
  addKvPut(kv);
  addKvDelete(kv);
  addKvScan(kv);
  addKvCas(kv);
}
