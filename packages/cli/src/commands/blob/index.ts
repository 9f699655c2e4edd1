import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addBlobGc } from "./gc.js";
import { addBlobGet } from "./get.js";
import { addBlobPut } from "./put.js";

export function addBlobCommands(program: Command): void {
  const blob = addNoun(program, "blob", "stores and fetches blobs by their hash");
  addBlobPut(blob);
  addBlobGet(blob);
  addBlobGc(blob);
}
