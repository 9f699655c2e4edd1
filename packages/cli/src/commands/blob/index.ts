import type { Command } from "commander";
import { addBlobGc } from "./gc.js";
import { addBlobGet } from "./get.js";
import { addBlobPut } from "./put.js";

export function addBlobCommands(program: Command): void {
  const blob = program.command("blob").description("stores and fetches blobs by their hash");
  addBlobPut(blob);
  addBlobGet(blob);
  addBlobGc(blob);
}
