export type { OrderedMiddleware } from "@aspen/rpc-core";

/** Where the node's own middleware stands: the lowest is the outermost. */
export const MIDDLEWARE_ORDER = {
  /** Counts requests under way and refuses new ones while the node stops. */
  drain: 100,
  /** Refuses callers that ask too often. */
  rateLimit: 120,
  /** Sends what this node cannot serve to another, which decides whether the caller may. */
  forward: 150,
  /** Decides whether the caller may. */
  access: 200,
  /** From here on: features. */
  feature: 500,
} as const;
