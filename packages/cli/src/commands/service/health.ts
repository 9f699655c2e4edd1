import type { Health } from "@aspen/plugins-service-registry";
import { Argument, type Command } from "commander";
import { session } from "../../command.js";
import { addOwnedCommand, tokenOf } from "../../service/service-options.js";

interface Flags {
  check?: string;
  output?: string;
  fencingToken?: number;
}

export function addServiceHealth(service: Command): void {
  addOwnedCommand(service, {
    usage: "health <service> <id>",
    description: "says what an instance, or one of its checks, is",
    example: "service health web web-1 warning",
  })
    .addArgument(new Argument("<health>").choices(["passing", "warning", "critical"]))
    .option("--check <id>", "the check that it is about (without: the instance as a whole)")
    .option("--output <text>", "what the check has to say")
    .action(async (name: string, id: string, health: Health, flags: Flags, command: Command) => {
      const { client, output } = session(command);
      const fencingToken = await tokenOf(client, name, id, flags);
      const said =
        flags.check === undefined ? { health } : { check: { id: flags.check, health, output: flags.output } };
      const result = await client.call("service.update", { service: name, id, fencingToken, ...said });
      output.result(result, result.instance.status);
    });
}
