export type { OrderedMiddleware } from "@aspen/rpc-core";

/** Where the node's own middleware stands: the lowest is the outermost. */
export const MIDDLEWARE_ORDER = {
  /** Begins the span of a request. */
  trace: 40,
  /** Counts and times requests, refused ones included. */
  metrics: 50,
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
  /** Begins the span of the handler's work: the innermost. */
  dispatch: 1000,
} as const;
