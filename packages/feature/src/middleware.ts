import type { Middleware } from "@aspen/rpc-core";

/** A middleware of the node's dispatcher, and where it stands. */
export interface OrderedMiddleware {
  readonly name: string;
  /** The lowest is the outermost. Those of features are from `MIDDLEWARE_ORDER.feature` on. */
  readonly order: number;
  readonly handle: Middleware;
}

/** Where the node's own middleware stands. */
export const MIDDLEWARE_ORDER = {
  /** Counts requests under way and refuses new ones while the node stops. */
  drain: 100,
  /** Decides whether the caller may. */
  access: 200,
  /** From here on: features. */
  feature: 500,
} as const;
