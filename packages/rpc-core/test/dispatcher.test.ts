import { AspenError } from "@aspen/plugin-api";
import { jest } from "@jest/globals";
import { z } from "zod";
import {
  Dispatcher,
  HandlerRegistry,
  inOrder,
  inProcessClient,
  LOCAL_CALLER,
  type Method,
  type Middleware,
  method,
  methodsHandler,
} from "../src/index.js";
import { RPC, rpcCoreModule } from "../src/module.js";

declare module "../src/rpc-methods.js" {
  interface RpcMethods {
    "math.add": { params: { a: number; b: number }; result: number };
  }
}

function dispatcherOf(methods: Record<string, Method>, middleware: Middleware[] = []) {
  const registry = new HandlerRegistry();
  registry.register(methodsHandler({ name: "test", priority: 500, methods }));
  return new Dispatcher({ registry, middleware });
}

const context = (over: object = {}) => ({
  requestId: "r1",
  caller: LOCAL_CALLER,
  signal: new AbortController().signal,
  ...over,
});
const anything = z.unknown();
const add = method({
  summary: "Adds.",
  params: z.object({ a: z.number(), b: z.object({ c: z.array(z.number()) }).optional() }),
  handle: ({ a }) => a + 1,
});
const never = method({ summary: "Hangs.", params: anything, handle: () => new Promise(() => {}) });

describe("Dispatcher", () => {
  it("answers METHOD_NOT_FOUND, naming the method", async () => {
    await expect(dispatcherOf({}).dispatch({ method: "no.such", params: {} }, context())).rejects.toMatchObject({
      code: "METHOD_NOT_FOUND",
      details: { method: "no.such" },
    });
    for (const name of ["constructor", "__proto__", "toString", ""]) {
      await expect(dispatcherOf({ add }).dispatch({ method: name, params: {} }, context())).rejects.toMatchObject({
        code: "METHOD_NOT_FOUND",
      });
    }
  });

  it("names the field of a parameter that is not valid", async () => {
    const dispatcher = dispatcherOf({ add });
    await expect(dispatcher.dispatch({ method: "add", params: { a: 2 } }, context())).resolves.toBe(3);
    await expect(
      dispatcher.dispatch({ method: "add", params: { a: "x", b: { c: [1, "y"] } } }, context()),
    ).rejects.toMatchObject({
      code: "INVALID_PARAMS",
      message: expect.stringContaining("b.c[1]"),
      details: { field: "a", problems: [{ field: "a" }, { field: "b.c[1]" }] },
    });
    await expect(dispatcher.dispatch({ method: "add", params: 7 }, context())).rejects.toMatchObject({
      details: { field: "(root)" },
    });
  });

  it("turns anything else thrown into INTERNAL and keeps it as the cause", async () => {
    const cause = new TypeError("secret");
    const dispatcher = dispatcherOf({
      broken: method({
        summary: "",
        params: anything,
        handle: () => {
          throw cause;
        },
      }),
      own: method({
        summary: "",
        params: anything,
        handle: () => {
          throw new AspenError("OUT_OF_STOCK", "none left");
        },
      }),
    });
    await expect(dispatcher.dispatch({ method: "broken", params: {} }, context())).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.not.stringContaining("secret"),
      details: { requestId: "r1" },
      cause,
    });
    await expect(dispatcher.dispatch({ method: "own", params: {} }, context())).rejects.toMatchObject({
      code: "OUT_OF_STOCK",
    });
  });

  it("stops waiting when the caller is gone or the deadline has passed, and tells the handler", async () => {
    const seen: AbortSignal[] = [];
    const dispatcher = dispatcherOf({ never }, [
      (request, ctx, next) => {
        seen.push(ctx.signal);
        return next(request, ctx);
      },
    ]);
    const caller = new AbortController();
    const call = dispatcher.dispatch({ method: "never", params: {} }, context({ signal: caller.signal }));
    caller.abort();
    await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(
      dispatcher.dispatch({ method: "never", params: {} }, context({ signal: caller.signal })),
    ).rejects.toMatchObject({ code: "CANCELLED" });
    for (const ahead of [100, -5]) {
      const deadline = performance.now() + ahead;
      await expect(dispatcher.dispatch({ method: "never", params: {} }, context({ deadline }))).rejects.toMatchObject({
        code: "DEADLINE_EXCEEDED",
      });
    }
    expect(seen).toHaveLength(2);
    expect(seen.every(({ aborted }) => aborted)).toBe(true);
  });

  it("keeps a deadline when the wall clock is set in between", async () => {
    const dispatcher = dispatcherOf({ never }, [
      (request, ctx, next) => {
        expect(ctx.deadline! - performance.now()).toBeLessThanOrEqual(100);
        return next(request, ctx);
      },
    ]);
    const now = Date.now.bind(Date);
    for (const byMs of [3_600_000, -3_600_000]) {
      const call = inProcessClient({
        dispatch: (request, ctx) => {
          const clock = jest.spyOn(Date, "now").mockImplementation(() => now() + byMs);
          return dispatcher.dispatch(request, ctx).finally(() => clock.mockRestore());
        },
      }).call("never", {}, { timeoutMs: 100 });
      await expect(call).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    }
  });

  it("runs middleware from the outside in", async () => {
    const order: string[] = [];
    const layer =
      (name: string): Middleware =>
      async (request, ctx, next) => {
        order.push(`${name} in`);
        const result = await next(request, ctx);
        order.push(`${name} out`);
        return result;
      };
    await dispatcherOf({ add }, [layer("a"), layer("b")]).dispatch({ method: "add", params: { a: 1 } }, context());
    expect(order).toEqual(["a in", "b in", "b out", "a out"]);

    order.length = 0;
    const layers = [
      { name: "d", order: 500, handle: layer("d") },
      { name: "c", order: 100, handle: layer("c") },
      { name: "e", order: 500, handle: layer("e") },
    ];
    await dispatcherOf({ add }, inOrder(layers)).dispatch({ method: "add", params: { a: 1 } }, context());
    expect(order.slice(0, 3)).toEqual(["c in", "d in", "e in"]);
  });
});

describe("inProcessClient", () => {
  it("calls known methods by their types and others by name", async () => {
    const client = inProcessClient(
      dispatcherOf({
        "math.add": method({
          summary: "",
          params: z.object({ a: z.number(), b: z.number() }),
          handle: ({ a, b }) => a + b,
        }),
        never,
      }),
    );
    const sum: number = await client.call("math.add", { a: 1, b: 2 });
    expect(sum).toBe(3);
    const unknown: unknown = await client.call("math.add" as string, { a: 2, b: 2 });
    expect(unknown).toBe(4);
    await expect(client.call("never", {}, { timeoutMs: 5 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });
});

describe("rpcCoreModule", () => {
  it("binds one registry and a dispatcher over it", async () => {
    const { Container } = await import("inversify");
    const container = new Container();
    container.load(rpcCoreModule());
    container.get(RPC.registry).register(methodsHandler({ name: "t", priority: 100, methods: { add } }));
    const dispatcher = container.get(RPC.dispatcher);
    expect(container.get(RPC.dispatcher)).toBe(dispatcher);
    await expect(dispatcher.dispatch({ method: "add", params: { a: 1 } }, context())).resolves.toBe(2);
  });
});
