// The types of the methods of a node.
import type {} from "@aspen/node";
import { AspenError } from "@aspen/plugin-api";
import { RemoteError, type RpcClient, remoteClient } from "@aspen/rpc-core/remote";
import type { NodeAddress } from "./node-address.js";

/** What the command's own options can do about an error of its client. */
const ADVICE: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: "ASPEN_TOKEN or --token sends one; `aspen token create` on the node's machine makes one",
  NODE_UNREACHABLE: "--node URL or ASPEN_NODE names another node",
  DEADLINE_EXCEEDED: "--timeout SECONDS allows more",
};

/** A client whose errors speak of the command's options. */
export function nodeClient(address: NodeAddress, timeoutMs: number): RpcClient {
  const client = remoteClient({ ...address, timeoutMs });
  return {
    async call(method, ...rest) {
      try {
        return await client.call(method, ...rest);
      } catch (error) {
        throw advised(AspenError.from(error));
      }
    },
  };
}

function advised(error: AspenError): AspenError {
  const told = error instanceof RemoteError && error.code !== "UNAUTHENTICATED";
  const advice = told ? undefined : ADVICE[error.code];
  if (advice === undefined) return error;
  return new AspenError(error.code, `${error.message} (${advice})`, error.details, error);
}
