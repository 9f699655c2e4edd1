import { isAspenError } from "@aspen/plugin-api";
import { type Dispatcher, EntryContext } from "@aspen/rpc-core";
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
export function contextOf(
  request: FastifyRequest,
  { exchange, requestTimeoutMs }: RpcRoutes,
  takesStream: boolean,
): EntryContext {
  const { via, timeoutMs } = request.forwarded;
  return new EntryContext({
    requestId: request.id,
    caller: request.caller,
    ending: exchange.ending,
    deadline: performance.now() + Math.min(requestTimeoutMs, timeoutMs ?? requestTimeoutMs),
    via,
    trace: traceOf(request.raw.headers),
    takesJsonBytes: true,
    takesStream,
  });
}

/** The error of work that ended: the node's own, when the node has ended it. */
export function endedBy({ ending }: Exchange, error: unknown): unknown {
  return ending.over && isAspenError(ending.reason) ? ending.reason : error;
}
