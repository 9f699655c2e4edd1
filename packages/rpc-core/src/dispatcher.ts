import { isAspenError } from "@aspen/plugin-api";
import { rpcErrors } from "./errors.js";
import type { RequestHandler } from "./handler.js";
import { JsonBytes } from "./json-bytes.js";
import type { Middleware, Next } from "./middleware/middleware.js";
import type { HandlerRegistry } from "./registry.js";
import type { RequestContext, RpcRequest } from "./request.js";
import { ResultStream } from "./result-stream.js";
import { TimeLimit } from "./time-limit.js";
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
    // Not async, as all that it could wait for is what the handler gives.
    const toHandler: Next = (request, context) => {
      try {
        const handler = registry.find(request.method);
        if (!handler) throw rpcErrors.methodNotFound(request.method);
        const { method, params } = request;
        const taken = takes(handler, request) ? request : { method, params: sentParams(params) };
        return Promise.resolve(handler.handle(taken, context));
      } catch (error) {
        return Promise.reject(error);
      }
    };
    this.#way = middleware.reduceRight<Next>(
      (next, layer) => (request, context) => layer(request, context, next),
      toHandler,
    );
  }

  /**
   * Resolves with the result; with `JsonBytes` or a `ResultStream` only when the context says that its caller takes them.
   * Signal and deadline hold for a stream until its end; its items reject with the same errors.
   *
   * @throws AspenError `METHOD_NOT_FOUND`, `CANCELLED` when the signal aborts, `DEADLINE_EXCEEDED` when the
   * deadline passes, what the handler threw, or `INTERNAL` with that as its cause when it was no `AspenError`.
   */
  async dispatch(request: RpcRequest, context: RequestContext): Promise<unknown> {
    const limit = new TimeLimit(request.method, context);
    let streaming = false;
    try {
      const result = await limit.within(this.#way, request);
      if (!(result instanceof ResultStream)) return result;
      streaming = true;
      return new ResultStream(limitedItems(result.items, limit, context.requestId));
    } catch (error) {
      throw coded(error, context.requestId);
    } finally {
      if (!streaming) limit.end();
    }
  }
}

/** The items of a stream within the limits of its request, which are over when it ends. */
async function* limitedItems(
  items: AsyncIterable<readonly unknown[]>,
  limit: TimeLimit,
  requestId: string,
): AsyncGenerator<readonly unknown[], void, undefined> {
  const reading = items[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const next = await limit.wait(() => reading.next());
      ended = next.done ?? false;
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    throw coded(error, requestId);
  } finally {
    limit.end();
    // One that waits for its next list ends when it has it, or by the signal.
    if (!ended) void Promise.resolve(reading.return?.()).catch(() => undefined);
  }
}

function coded(error: unknown, requestId: string): Error {
  return isAspenError(error) ? error : rpcErrors.internal(requestId, error);
}

/** False for bytes that the handler does not want, and for what another handler's method has validated. */
function takes(handler: RequestHandler, { method, params }: RpcRequest): boolean {
  if (params instanceof JsonBytes) return handler.takesJsonBytes ?? false;
  return !(params instanceof ValidParams) || handler.method?.(method) === params.method;
}
