import { isAspenError } from "@aspen/plugin-api";
import type { Dispatcher, RequestContext } from "@aspen/rpc-core";
import type { FastifyRequest } from "fastify";
import type { Exchange } from "./exchange.js";
import { traceOf } from "./trace-headers.js";

/** What the routes of methods need. */
export interface RpcRoutes {
  dispatcher: Pick<Dispatcher, "dispatch">;
  exchange: Exchange;
  /** Longest time to answer a request, in milliseconds. */
  requestTimeoutMs: number;
}

/** What travels with the calls of a request. */
export function contextOf(request: FastifyRequest, { exchange, requestTimeoutMs }: RpcRoutes): RequestContext {
  const { via, timeoutMs } = request.forwarded;
  return {
    requestId: request.id,
    caller: request.caller,
    signal: exchange.signal,
    deadline: performance.now() + Math.min(requestTimeoutMs, timeoutMs ?? requestTimeoutMs),
    via,
    trace: traceOf(request.raw.headers),
    takesJsonBytes: true,
  };
}

/** The error of work that ended: the node's own, when the node has ended it. */
export function endedBy({ signal }: Exchange, error: unknown): unknown {
  return signal.aborted && isAspenError(signal.reason) ? signal.reason : error;
}
