import { given } from "@aspen/feature";
import { type Caller, intersectGrants } from "@aspen/rpc-core";
import { isLoopback } from "../http/loopback.js";

/**
 * How the nodes of a cluster know each other. A request that is passed on says in a header who its caller is; that is the
 * sender's own word, so that it counts only as far as the sender himself is known.
 */
export interface NodeTrust {
  /** True when requests, with their callers and params, may be sent to this address. */
  mayReach(address: string): boolean;
  /** Headers by which the node at `address` knows that the request of this caller comes from a node. */
  credentials(
    address: string,
    caller: Caller,
  ): Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
}

/**
 * The caller of a request that was forwarded. What a sender tells of a caller can only narrow what he may do himself: the
 * grants are those of both. Whoever is known by a token stays who he is, so that checks of kind and id do not go by his own
 * words; a node sends a token that stands for the caller.
 *
 * @param sender what whoever sends the request is let in as by himself
 * @param told the caller that he speaks for, by his own words
 */
export function forwardedCaller(sender: Caller, told: Caller): Caller {
  const { kind, id } = sender.kind === "local" ? told : sender;
  // Which plugins have called each other so far, and whose token is behind them, are reasons to refuse, and grant nothing:
  // they are taken from anybody.
  const { through, token } = told;
  return { kind, id, grants: intersectGrants(sender.grants, told.grants), ...given({ through, token }) };
}

/** Nodes on the loopback addresses of one machine, which do not prove who they are: everybody there is local anyway. */
export const LOOPBACK_TRUST: NodeTrust = { mayReach: isLoopbackUrl, credentials: () => ({}) };

/** Says for whom a node passes a request on, in a way that the others can check. */
export interface NodeSigner {
  /** The value of the header `authorization`. */
  authorization(caller: Caller): Promise<string>;
}

/** Nodes that prove who they are by a key of their store. @param anywhere they may be on other machines */
export function signedTrust(signer: NodeSigner, anywhere: boolean): NodeTrust {
  return {
    mayReach: (address) => anywhere || isLoopbackUrl(address),
    credentials: async (_address, caller) => ({ authorization: await signer.authorization(caller) }),
  };
}

function isLoopbackUrl(address: string): boolean {
  return URL.canParse(address) && isLoopback(new URL(address).hostname);
}
