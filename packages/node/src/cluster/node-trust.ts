import type { IncomingHttpHeaders } from "node:http";
import { type Caller, intersectGrants } from "@aspen/rpc-core";
import { isLoopback } from "../http/loopback.js";

/**
 * How the nodes of a cluster know each other: the seam for authentication between them. `LOOPBACK_TRUST` is all there is
 * so far. Nodes that listen to other machines need one that proves who forwards a request (a token of the node, or mutual
 * TLS), which `credentials` sends and `callerFrom` checks before it takes over anything of the caller that is told.
 */
export interface NodeTrust {
  /** True when requests, with their callers and params, may be sent to this address. */
  mayReach(address: string): boolean;
  /** Headers by which the node at `address` knows this one. */
  credentials(address: string): Readonly<Record<string, string>>;
  /**
   * The caller of a request that was forwarded.
   *
   * @param sender what whoever sends the request would be let in as by himself
   * @param told the caller that he speaks for, by his own words
   */
  callerFrom(headers: IncomingHttpHeaders, sender: Caller, told: Caller): Caller;
}

/**
 * Nodes on the loopback addresses of one machine, which do not prove who they are. Everybody there is let in as local
 * anyway, so that what they tell of a caller can only narrow that: its grants are those of both, and its kind and id are
 * for logs.
 */
export const LOOPBACK_TRUST: NodeTrust = {
  mayReach: (address) => URL.canParse(address) && isLoopback(new URL(address).hostname),
  credentials: () => ({}),
  // Whoever is known by name, or by none, stays who he is: checks of kind and id must not go by his own words.
  callerFrom: (_headers, sender, told) => ({
    ...(sender.kind === "local" ? told : sender),
    grants: intersectGrants(sender.grants, told.grants),
  }),
};
