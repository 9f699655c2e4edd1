import type { Command } from "commander";
import { session } from "../../command.js";
import { addOwnedCommand, tokenOf } from "../../service/service-options.js";

export function addServiceHeartbeat(service: Command): void {
  addOwnedCommand(service, {
    usage: "heartbeat <service> <id>",
    description: "begins an instance's time to live anew",
    example: "service heartbeat web web-1 --fencing-token 3",
  }).action(async (name: string, id: string, flags: { fencingToken?: number }, command: Command) => {
    const { client, output } = session(command);
    const fencingToken = await tokenOf(client, name, id, flags);
    const result = await client.call("service.heartbeat", { service: name, id, fencingToken });
    output.result(result, result.ttlMs === null ? "it stays" : `it lives for ${result.ttlMs} ms`);
  });
}
