import type { RequestContext, RpcRequest } from "../request.js";

/** The rest of the way: the next middleware, or the handler. */
export type Next = (request: RpcRequest, context: RequestContext) => Promise<unknown>;

/**
 * Wraps every request; calls `next` at most once. Where it stands, params may be `JsonBytes` or have been validated:
 * `sentParams` gives what was sent. A result may be `JsonBytes`.
 */
export type Middleware = (request: RpcRequest, context: RequestContext, next: Next) => Promise<unknown>;
