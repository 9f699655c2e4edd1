import type { Command } from "commander";
import { session, wholeNumber } from "../../command.js";
import {
  addInstanceOptions,
  addOwnedCommand,
  type InstanceFlags,
  instanceFields,
  tokenOf,
} from "../../service/service-options.js";

interface Flags extends InstanceFlags {
  address?: string;
  expect?: number;
  fencingToken?: number;
}

export function addServiceUpdate(service: Command): void {
  addInstanceOptions(
    addOwnedCommand(service, {
      usage: "update <service> <id>",
      description: "changes what is given of an instance",
      example: "service update web web-1 --weight 5 --meta build=42",
    }),
  )
    .option("--address <address>", "its address")
    .option("--expect <revision>", "refuse when the instance has another revision", (text) =>
      wholeNumber(text, 1, Number.MAX_SAFE_INTEGER),
    )
    .action(async (name: string, id: string, flags: Flags, command: Command) => {
      const { client, output } = session(command);
      const fencingToken = await tokenOf(client, name, id, flags);
      const { address, expect } = flags;
      const wanted = { service: name, id, fencingToken, address, expect, ...instanceFields(flags) };
      const result = await client.call("service.update", wanted);
      output.result(result, `revision ${result.instance.revision}`);
    });
}
