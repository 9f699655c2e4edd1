// @aspen/rpc-core without anything else: methods with a schema, and a middleware around them.
import {
  Dispatcher,
  HandlerRegistry,
  inProcessClient,
  type Middleware,
  method,
  methodsHandler,
  type RpcClient,
} from "@aspen/rpc-core";
import { z } from "zod";

/** A client of two methods, and how often each was called. */
export function calculator(): { client: RpcClient; calls: ReadonlyMap<string, number> } {
  const registry = new HandlerRegistry();
  const numbers = z.object({ numbers: z.array(z.number()).min(1) });
  registry.register(
    methodsHandler({
      name: "calculator",
      priority: 500,
      methods: {
        "math.sum": method({
          summary: "Adds numbers.",
          params: numbers,
          handle: ({ numbers }) => numbers.reduce((sum, next) => sum + next, 0),
        }),
        "math.mean": method({
          summary: "The arithmetic mean of numbers.",
          params: numbers,
          handle: ({ numbers }) => numbers.reduce((sum, next) => sum + next, 0) / numbers.length,
        }),
      },
    }),
  );
  const calls = new Map<string, number>();
  const count: Middleware = (request, context, next) => {
    calls.set(request.method, (calls.get(request.method) ?? 0) + 1);
    return next(request, context);
  };
  return { client: inProcessClient(new Dispatcher({ registry, middleware: [count] })), calls };
}
