import type { Health } from "@aspen/plugins-service-registry";
import type { RpcClient } from "@aspen/rpc-core/remote";
import { type Command, InvalidArgumentError, Option } from "commander";
import { addClientCommand, type CommandSpec, wholeNumber } from "../command.js";
import { cliErrors } from "../errors.js";

/** What describes an instance, of `service register` and `service update`. */
export interface InstanceFlags {
  port?: number;
  serviceVersion?: string;
  tag?: string[];
  weight?: number;
  zone?: string;
  meta?: Record<string, string>;
}

export function addInstanceOptions(command: Command): Command {
  return command
    .option("--port <n>", "its port", (text) => wholeNumber(text, 1, 65_535))
    .option("--service-version <version>", "its version, such as 1.2.3")
    .option("--tag <tags...>", "its tags")
    .option("--weight <n>", "its share of the calls", (text) => wholeNumber(text, 0, 65_535))
    .option("--zone <zone>", "where it runs")
    .option("--meta <key=value>", "metadata; may be given several times", pair);
}

/** The params that the flags name; what was not given is left out. */
export function instanceFields({ port, serviceVersion, tag, weight, zone, meta }: InstanceFlags) {
  return { port, version: serviceVersion, tags: tag, weight, zone, metadata: meta };
}

export function pair(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be key=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

export const healthOption = () =>
  new Option("--health <health>", "what it says of itself").choices([
    "passing",
    "warning",
    "critical",
  ] satisfies Health[]);

/** A command about an instance that is there; without a token, whoever has it is asked for it first. */
export function addOwnedCommand(service: Command, spec: CommandSpec): Command {
  return addClientCommand(service, spec).option(
    "--fencing-token <n>",
    "refuse when the instance was registered anew since (without: whatever it is now)",
    (text) => wholeNumber(text, 1, Number.MAX_SAFE_INTEGER),
  );
}

/** @throws AspenError `SERVICE_NOT_FOUND` */
export async function tokenOf(
  client: RpcClient,
  service: string,
  id: string,
  { fencingToken }: { fencingToken?: number },
): Promise<number> {
  if (fencingToken !== undefined) return fencingToken;
  const found = await client.call("service.get", { service, id });
  if (!found) throw cliErrors.instanceNotFound(service, id);
  return found.fencingToken;
}
