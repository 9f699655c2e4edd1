import type { NodeConfig } from "@aspen/node";
import type { Command } from "commander";
import { addClientCommand, session } from "../command.js";
import { addNodeOptions } from "../config/node-options.js";
import { readSettings } from "../config/node-settings.js";
import { examine } from "../doctor/doctor.js";
import type { Finding } from "../doctor/finding.js";
import type { DoctorOptions } from "../doctor/options.js";
import { parseNodeAddress } from "../node-address.js";
import { printable, table } from "../output.js";

export function addDoctor(program: Command): void {
  addNodeOptions(
    addClientCommand(program, {
      usage: "doctor",
      description:
        "looks at this machine, the configuration, the store and the running node; ends with 1 when there is a problem",
      example: "doctor --config /etc/aspen.config.yaml",
    }),
  ).action(async (_options: unknown, command: Command) => {
    const settings: DoctorOptions["settings"] = await readSettings(command).catch((error: unknown) => ({ error }));
    const named = command.getOptionValueSource("node") !== "default";
    if (!named && "config" in settings) useConfigured(command, settings.config);
    const { client, output, address } = session(command);
    const { shown: url } = address;
    const findings = await examine({ settings, node: { client, url, named } });
    const healthy = findings.every(({ state }) => state !== "problem");
    output.result({ ok: healthy, findings }, text(findings));
    if (!healthy) process.exitCode = 1;
  });
}

/** The node that the configuration starts is the one that should run. */
function useConfigured(command: Command, { listen }: NodeConfig): void {
  const given = typeof listen === "object" && listen !== null ? listen : {};
  const { host = "127.0.0.1", port = 7070, socket, tls } = given;
  const use = (address: string) => {
    command.setOptionValueWithSource("node", parseNodeAddress(address), "default");
  };
  // By its socket the node knows its own user, whatever it asks of others.
  if (typeof socket === "string" && socket !== "") {
    use(`unix:${socket}`);
    return;
  }
  const address = `${tls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  // What is wrong with it is a finding of the configuration.
  if (port !== 0 && URL.canParse(address)) use(address);
}

function text(findings: readonly Finding[]): string {
  const rows = findings.map(({ state, check, message }) => [state, check, message]);
  const lines = table(["STATE", "CHECK", "FINDING"], rows).split("\n");
  const [head, ...found] = lines;
  const told = found.flatMap((line, at) => {
    const { fix } = findings[at]!;
    return fix === undefined ? [line] : [line, `         fix: ${printable(fix)}`];
  });
  return [head, ...told].join("\n");
}
