import type { Command } from "commander";
import { addNoun } from "../../global-options.js";
import { addRpcCall } from "./call.js";

export function addRpcCommands(program: Command): void {
  addRpcCall(addNoun(program, "rpc", "calls methods"));
}
