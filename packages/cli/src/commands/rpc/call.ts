import { encodeUtf8 } from "@aspen/plugin-api";
import { JsonBytes } from "@aspen/rpc-core/remote";
import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { parseJson, readInput } from "../../input.js";
import { printable } from "../../output.js";

export function addRpcCall(rpc: Command): void {
  addClientCommand(rpc, {
    usage: "call <method> [params]",
    description: "calls a method with params as JSON (- reads them from stdin)",
    example: `rpc call echo.say '{"text":"hi"}'`,
  }).action(async (method: string, params: string | undefined, _options: unknown, command: Command) => {
    const { client, output } = session(command);
    const text = params === "-" ? Buffer.from(await readInput("-")).toString("utf8") : (params ?? "{}");
    parseJson("params", text);
    const result = await client.call(method, new JsonBytes(encodeUtf8(text)));
    output.result(result, printable(JSON.stringify(result, null, 2)));
  });
}
