import { errorStatus } from "@aspen/plugin-api";
import type { Command } from "commander";
import { session } from "../../command.js";
import { addOwnedCommand, tokenOf } from "../../service/service-options.js";

export function addServiceDeregister(service: Command): void {
  addOwnedCommand(service, {
    usage: "deregister <service> <id>",
    description: "takes an instance off",
    example: "service deregister web web-1",
  }).action(async (name: string, id: string, flags: { fencingToken?: number }, command: Command) => {
    const { client, output } = session(command);
    const fencingToken = await tokenOf(client, name, id, flags);
    const result = await client.call("service.deregister", { service: name, id, fencingToken });
    output.result(result, result.deregistered ? "deregistered" : "was not there");
    if (!result.deregistered) process.exitCode = errorStatus({ code: "SERVICE_NOT_FOUND" }).exit;
  });
}
