import { AspenError } from "@aspen/plugin-api";
import { type NodeAddress, nodeAddress } from "@aspen/rpc-core/remote";
import { cliErrors } from "./errors.js";

export type { NodeAddress };

/**
 * The address that --node or ASPEN_NODE names.
 * @throws AspenError `INVALID_PARAMS`, which does not show what the address holds
 */
export function parseNodeAddress(text: string): NodeAddress {
  try {
    return nodeAddress(text);
  } catch (error) {
    throw cliErrors.nodeAddress(AspenError.from(error).message);
  }
}
