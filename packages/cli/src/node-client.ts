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

const CA_ADVICE = "--ca FILE or ASPEN_CA names the authority of the node's certificate";

export interface NodeClientOptions {
  timeoutMs: number;
  /** @default the global one */
  fetch?: typeof fetch;
}

/** A client whose errors speak of the command's options. */
export function nodeClient({ url, shown, authorization }: NodeAddress, options: NodeClientOptions): RpcClient {
  const credentials = authorization === undefined ? {} : { authorization };
  const client = remoteClient({ url, shown, ...credentials, ...options });
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
  const advice = told ? undefined : isUntrusted(error) ? CA_ADVICE : ADVICE[error.code];
  if (advice === undefined) return error;
  return new AspenError(error.code, `${error.message} (${advice})`, error.details, error);
}

/** True when the certificate of the node is of nobody who is trusted, by the codes of OpenSSL that Node.js gives. */
function isUntrusted(error: AspenError): boolean {
  for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (typeof code === "string" && /^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/.test(code)) return true;
  }
  return false;
}
