import { resolve } from "node:path";
import { AspenError } from "@aspen/plugin-api";
import { type NodeAddress as HttpAddress, nodeAddress } from "@aspen/rpc-core/remote";
import { cliErrors } from "./errors.js";

/** Where a command reaches a node, and as whom. */
export interface NodeAddress extends HttpAddress {
  /** The address as it is shown to people. */
  shown: string;
  /** Path of the Unix domain socket at which the node listens. @default it is reached over the network */
  socketPath?: string;
}

/** What a request by a socket is addressed to: the node is on this machine. */
const AT_SOCKET = "http://localhost/";

/**
 * The address that --node or ASPEN_NODE names: a URL, or `unix:` and the path of a socket.
 * @throws AspenError `INVALID_PARAMS`, which does not show what the address holds
 */
export function parseNodeAddress(text: string): NodeAddress {
  const [, path] = /^unix:(?:\/\/(?=\/))?(.*)$/s.exec(text) ?? [];
  if (path !== undefined) {
    if (path === "") throw cliErrors.nodeAddress("names no socket; give one such as unix:/run/aspen.sock");
    const socketPath = resolve(path);
    return { url: AT_SOCKET, socketPath, shown: `unix:${socketPath}` };
  }
  try {
    const address = nodeAddress(text);
    return { ...address, shown: address.url };
  } catch (error) {
    throw cliErrors.nodeAddress(AspenError.from(error).message);
  }
}
