import { setMaxListeners } from "node:events";
import { isAspenError } from "@aspen/plugin-api";
import { rpcErrors } from "./errors.js";
import type { RequestHandler } from "./handler.js";
import { JsonBytes } from "./json-bytes.js";
import type { Middleware, Next } from "./middleware/middleware.js";
import type { HandlerRegistry } from "./registry.js";
import type { RequestContext, RpcRequest } from "./request.js";
import { sentParams, ValidParams } from "./valid-params.js";

export interface DispatcherOptions {
  registry: HandlerRegistry;
  /** Outermost first. @default [] */
  middleware?: readonly Middleware[];
}

/** Brings a request to the first handler that serves its method. */
export class Dispatcher {
  readonly #way: Next;

  constructor(options: DispatcherOptions) {
    const { registry, middleware = [] } = options;
    const toHandler: Next = async (request, context) => {
      const handler = registry.find(request.method);
      if (!handler) throw rpcErrors.methodNotFound(request.method);
      const { params } = request;
      if (takes(handler, request)) return handler.handle(request, context);
      return handler.handle({ ...request, params: sentParams(params) }, context);
    };
    this.#way = middleware.reduceRight<Next>(
      (next, layer) => (request, context) => layer(request, context, next),
      toHandler,
    );
  }

  /**
   * Resolves with the result; with `JsonBytes` only when the context says that its caller takes them.
   *
   * @throws AspenError `METHOD_NOT_FOUND`, `CANCELLED` when the signal aborts, `DEADLINE_EXCEEDED` when the
   * deadline passes, what the handler threw, or `INTERNAL` with that as its cause when it was no `AspenError`.
   */
  async dispatch(request: RpcRequest, context: RequestContext): Promise<unknown> {
    const limit = limitTime(request.method, context);
    try {
      if (limit.context.signal.aborted) return await limit.over;
      return await Promise.race([limit.over, this.#way(request, limit.context)]);
    } catch (error) {
      if (isAspenError(error)) throw error;
      throw rpcErrors.internal(context.requestId, error);
    } finally {
      limit.end();
    }
  }
}

/** False for bytes that the handler does not want, and for what another handler's method has validated. */
function takes(handler: RequestHandler, { method, params }: RpcRequest): boolean {
  if (params instanceof JsonBytes) return handler.takesJsonBytes ?? false;
  return !(params instanceof ValidParams) || handler.method?.(method) === params.method;
}

/** The longest delay that a timer takes. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Ends the wait, and tells the handler, when the caller is gone or its deadline has passed. */
function limitTime(method: string, context: RequestContext) {
  const controller = new AbortController();
  let onAbort = () => {};
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    const stop = (error: Error) => {
      reject(error);
      controller.abort(error);
    };
    onAbort = () => stop(rpcErrors.cancelled(method));
    if (context.signal.aborted) return onAbort();
    // One signal may stand for any number of requests; that is no leak.
    setMaxListeners(0, context.signal);
    context.signal.addEventListener("abort", onAbort, { once: true });
    if (context.deadline === undefined) return;
    const left = Math.min(context.deadline - performance.now(), MAX_DELAY_MS);
    if (left <= 0) stop(rpcErrors.deadlineExceeded(method));
    else timer = setTimeout(() => stop(rpcErrors.deadlineExceeded(method)), left);
  });
  return {
    over,
    context: { ...context, signal: controller.signal },
    end: () => {
      clearTimeout(timer);
      context.signal.removeEventListener("abort", onAbort);
    },
  };
}
