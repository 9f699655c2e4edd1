import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addKvAppend } from "./append.js";
import { addKvCas } from "./cas.js";
import { addKvDelete } from "./delete.js";
import { addKvGet } from "./get.js";
import { addKvPut } from "./put.js";
import { addKvScan } from "./scan.js";

export function addKvCommands(program: Command): void {
  const kv = addNoun(program, "kv", "reads and writes the key-value store");
  addKvGet(kv);
  addKvPut(kv);
  addKvDelete(kv);
  addKvScan(kv);
  addKvCas(kv);
  addKvAppend(kv);
}
