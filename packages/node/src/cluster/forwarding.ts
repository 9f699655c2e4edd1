import { type AspenError, cut, encodeUtf8, isAspenError, type Logger } from "@aspen/plugin-api";
import {
  type HandlerRegistry,
  JsonBytes,
  type Middleware,
  type RequestContext,
  type RpcRequest,
  rpcErrors,
  sentParams,
  spanned,
} from "@aspen/rpc-core";
import { RemoteError } from "@aspen/rpc-core/remote";
import { traceHeaders } from "../http/trace-headers.js";
import type { ClusterView, Target } from "./cluster-view.js";
import { forwardHeaders } from "./forward-headers.js";
import type { NodeTrust } from "./node-trust.js";
import type { Transport } from "./transport.js";

/** Nodes that are asked for one request at most. */
const ATTEMPTS = 3;
/** Milliseconds for an answer, where the caller has no deadline. */
const TIMEOUT_MS = 320_000;
/** Most nodes that an error names. */
const NAMED_MAX = 10;

export interface ForwardingParts {
  /** Of this node. */
  id: string;
  registry: Pick<HandlerRegistry, "find">;
  view: ClusterView;
  transport: Pick<Transport, "send">;
  trust: NodeTrust;
  logger: Logger;
  /** Sends requests to others; else it only names who serves them. */
  enabled: boolean;
  /** Times that a request may be passed on. */
  hops: number;
}

/** Sends what this node cannot serve to one that can, before anybody asks what its caller may: that node does. */
export class Forwarding {
  #underWay = 0;
  #forwarded = 0;

  constructor(private readonly parts: ForwardingParts) {}

  /** Requests that this node answers or passes on now. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Requests that were sent to others since the start. */
  get forwarded(): number {
    return this.#forwarded;
  }

  readonly middleware: Middleware = async (request, context, next) => {
    this.#underWay += 1;
    try {
      const handler = this.parts.registry.find(request.method);
      if (handler && handler.available !== false) return await next(request, context);
      const elsewhere = this.parts.enabled ? await this.#forward(request, context) : null;
      if (elsewhere) return elsewhere.result;
      return await this.#naming(request.method, () => next(request, context));
    } finally {
      this.#underWay -= 1;
    }
  };

  /** Null when there is nobody to ask. */
  async #forward(request: RpcRequest, context: RequestContext): Promise<{ result: unknown } | null> {
    const { id, view, hops, logger } = this.parts;
    const { via = [], requestId, signal } = context;
    if (via.length >= hops) return null;
    const { method } = request;
    const asked = new Set([...via, id]);
    let failure: AspenError | null = null;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const target = view.choose(method, asked);
      if (!target) break;
      asked.add(target.id);
      try {
        return { result: await this.#send(target, request, context) };
      } catch (error) {
        if (signal.aborted || !isAspenError(error) || !mayAskAnother(error, method, target)) throw error;
        logger.debug({ method, node: target.id, code: error.code, requestId }, "another node is asked");
        failure = error;
      }
    }
    // Who had said that he serves it does not: the same as if nobody had.
    if (!failure || failure.code === "METHOD_NOT_FOUND") return null;
    throw failure;
  }

  async #send(target: Target, request: RpcRequest, context: RequestContext): Promise<unknown> {
    const { id, view, transport, trust } = this.parts;
    const { method } = request;
    const { caller, requestId, signal, via = [], deadline, takesJsonBytes = false } = context;
    const timeoutMs = deadline === undefined ? TIMEOUT_MS : Math.max(1, deadline - performance.now());
    const headers = forwardHeaders({ caller, via: [...via, id], timeoutMs });
    if (!headers) throw rpcErrors.methodNotFound(method, [{ id: target.id, address: target.address }]);
    using _sending = view.sending(target.id);
    const credentials = await trust.credentials(target.address, caller);
    this.#forwarded += 1;
    const attributes = { "rpc.method": cut(method), "aspen.node": target.id };
    const result = await spanned(context.trace, "forward", { kind: "client", attributes }, (trace) =>
      transport.send({
        ...{ address: target.address, method, params: bytesOf(request.params), signal, timeoutMs },
        headers: { ...headers, ...credentials, "x-request-id": requestId, ...traceHeaders(trace) },
      }),
    );
    return takesJsonBytes ? result : sentParams(result);
  }

  async #naming(method: string, next: () => Promise<unknown>): Promise<unknown> {
    try {
      return await next();
    } catch (error) {
      if (!isAspenError(error) || error.code !== "METHOD_NOT_FOUND") throw error;
      const nodes = this.parts.view.serving(method).slice(0, NAMED_MAX);
      throw nodes.length === 0
        ? error
        : rpcErrors.methodNotFound(
            method,
            nodes.map(({ id, address }) => ({ id, address })),
          );
    }
  }
}

/** Nothing was done there, or it may be done again. */
function mayAskAnother(error: AspenError, method: string, { safe }: Target): boolean {
  const { code, details } = error;
  // Told by a node, it is of some call that it made for this one, after it had begun.
  if (code === "NODE_UNREACHABLE") return safe || !(error instanceof RemoteError);
  if (code === "METHOD_NOT_FOUND") return details?.method === method;
  return safe && code === "OUTCOME_UNKNOWN";
}

/** Params as they are sent; those that came as bytes are checked by whoever reads them. */
function bytesOf(params: unknown): JsonBytes {
  if (params instanceof JsonBytes) return params;
  return new JsonBytes(encodeUtf8(JSON.stringify(sentParams(params) ?? {})));
}
