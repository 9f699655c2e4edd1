import type { RpcClient } from "@aspen/rpc-core/remote";
import { type Command, InvalidArgumentError, Option } from "commander";
import { cliErrors } from "./errors.js";
import { type NodeAddress, parseNodeAddress } from "./node-address.js";
import { nodeClient } from "./node-client.js";
import { nodeFetch, type TlsFiles } from "./node-fetch.js";
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
      new Option("--node <url>", "address of the node: a URL, or unix:PATH of its socket")
        .env("ASPEN_NODE")
        .default(parseNodeAddress(DEFAULT_NODE), DEFAULT_NODE)
        .argParser(parseNodeAddress),
    )
    .addOption(
      // Other users of the machine can see a command line; the variable they cannot.
      new Option("--token <token>", "token to send; better by the variable").env("ASPEN_TOKEN").argParser(parseToken),
    )
    .addOption(
      new Option("--ca <file>", "PEM file of the authorities whose certificate the node must have").env("ASPEN_CA"),
    )
    .addOption(
      new Option("--client-cert <file>", "PEM file of the certificate to show to the node").env("ASPEN_CLIENT_CERT"),
    )
    .addOption(new Option("--client-key <file>", "PEM file of its private key").env("ASPEN_CLIENT_KEY"))
    .addOption(
      new Option("--timeout <seconds>", "longest wait for an answer")
        .default(60)
        .argParser((text) => wholeNumber(text, 1, 300)),
    );
}

/** What a client command's options name. */
export interface Session {
  client: RpcClient;
  output: Output;
  address: NodeAddress;
  /** Reaches the node, for what is no method. */
  fetch: typeof fetch;
}

/** @throws AspenError `INVALID_PARAMS` when a certificate is named without its key, or a key without its certificate */
export function session(command: Command): Session {
  const { node, token, timeout, json, ...files } = command.opts<
    { node: NodeAddress; token?: string; timeout: number; json?: boolean } & TlsFiles
  >();
  if ((files.clientCert === undefined) !== (files.clientKey === undefined))
    throw cliErrors.usage("--client-cert and --client-key go together");
  const address = token === undefined ? node : { ...node, authorization: `Bearer ${token}` };
  const reach = nodeFetch(address, files);
  const client = nodeClient(address, { timeoutMs: timeout * 1000, fetch: reach });
  return { client, output: new Output(json ?? false), address, fetch: reach };
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
