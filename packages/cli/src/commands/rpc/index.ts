import type { Command } from "commander";
import { addRpcCall } from "./call.js";

export function addRpcCommands(program: Command): void {
  addRpcCall(program.command("rpc").description("calls methods"));
}
