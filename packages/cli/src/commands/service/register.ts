import type { Health } from "@aspen/plugins-service-registry";
import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { parseTime } from "../../parse-time.js";
import { addInstanceOptions, healthOption, type InstanceFlags, instanceFields } from "../../service/service-options.js";

interface Flags extends InstanceFlags {
  ttl?: number | null;
  health?: Health;
}

export function addServiceRegister(service: Command): void {
  addInstanceOptions(
    addClientCommand(service, {
      usage: "register <service> <id> <address>",
      description: "registers an instance, in the place of one with the same id; shows its fencing token",
      example: "service register web web-1 10.0.0.1 --port 8080 --ttl 30s --tag primary",
    }),
  )
    .option("--ttl <time>", "it is gone after so long without a heartbeat; never: it stays (default: 30s)", (text) =>
      text === "never" ? null : parseTime(text, 1000),
    )
    .addOption(healthOption())
    .action(async (name: string, id: string, address: string, flags: Flags, command: Command) => {
      const { client, output } = session(command);
      const { ttl: ttlMs, health } = flags;
      const wanted = { service: name, id, address, ttlMs, health, ...instanceFields(flags) };
      const result = await client.call("service.register", wanted);
      output.result(result, `fencing token ${result.instance.fencingToken}`);
    });
}
