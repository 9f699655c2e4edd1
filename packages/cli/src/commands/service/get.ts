import { errorStatus } from "@aspen/plugin-api";
import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { cliErrors } from "../../errors.js";
import { printable } from "../../output.js";

export function addServiceGet(service: Command): void {
  addClientCommand(service, {
    usage: "get <service> <id>",
    description: "shows an instance",
    example: "service get web web-1",
  }).action(async (name: string, id: string, _options: unknown, command: Command) => {
    const { client, output } = session(command);
    const instance = await client.call("service.get", { service: name, id });
    const absent = cliErrors.instanceNotFound(name, id);
    if (!instance && !output.json) throw absent;
    output.result(instance, printable(JSON.stringify(instance, null, 2)));
    // With --json the answer is the null on stdout.
    if (!instance) process.exitCode = errorStatus(absent).exit;
  });
}
