import type { RpcClient } from "@aspen/rpc-core/remote";
import { type Command, InvalidArgumentError, Option } from "commander";
import { cliErrors } from "./errors.js";
import { type NodeAddress, parseNodeAddress } from "./node-address.js";
import { nodeClient } from "./node-client.js";
import { Output } from "./output.js";

const DEFAULT_NODE = "http://127.0.0.1:7070";

export interface CommandSpec {
  /** Name and arguments, as commander reads them: `get <key>`. */
  usage: string;
  description: string;
  /** A command line that works; shown by --help. */
  example: string;
}

/** A command of its own, without a node. */
export function addCommand(parent: Command, { usage, description, example }: CommandSpec): Command {
  return parent
    .command(usage)
    .description(description)
    .option("--json", "write one line of JSON instead of text")
    .addHelpText("after", `\nExample:\n  $ aspen ${example}`);
}

/** A command that talks to a node. */
export function addClientCommand(parent: Command, spec: CommandSpec): Command {
  return addCommand(parent, spec)
    .addOption(
      new Option("--node <url>", "address of the node")
        .env("ASPEN_NODE")
        .default(parseNodeAddress(DEFAULT_NODE), DEFAULT_NODE)
        .argParser(parseNodeAddress),
    )
    .addOption(
      // Other users of the machine can see a command line; the variable they cannot.
      new Option("--token <token>", "token to send; better by the variable").env("ASPEN_TOKEN").argParser(parseToken),
    )
    .addOption(
      new Option("--timeout <seconds>", "longest wait for an answer")
        .default(60)
        .argParser((text) => wholeNumber(text, 1, 300)),
    );
}

/** The node and the output that a client command's options name; the address is for what is no method. */
export function session(command: Command): { client: RpcClient; output: Output; address: NodeAddress } {
  const { node, token, timeout, json } = command.opts<{
    node: NodeAddress;
    token?: string;
    timeout: number;
    json?: boolean;
  }>();
  const address = token === undefined ? node : { ...node, authorization: `Bearer ${token}` };
  return { client: nodeClient(address, timeout * 1000), output: new Output(json ?? false), address };
}

/** @throws AspenError `INVALID_PARAMS`, which does not show it */
function parseToken(text: string): string {
  const token = text.trim();
  if (!/^[\x21-\x7e]{1,8192}$/.test(token)) throw cliErrors.token();
  return token;
}

/** @throws InvalidArgumentError naming the range */
export function wholeNumber(text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
}
