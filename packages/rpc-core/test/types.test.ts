import { z } from "zod";
import {
  Dispatcher,
  HandlerRegistry,
  inProcessClient,
  type MethodsOf,
  method,
  methodsHandler,
  type ParamsOf,
  type ResultOf,
} from "../src/index.js";
import { remoteClient } from "../src/remote.js";

function shopMethods() {
  return {
    "shop.order": method({
      summary: "Orders.",
      params: z.strictObject({ what: z.string(), count: z.string().transform(Number), note: z.string().optional() }),
      result: z.strictObject({ count: z.number(), note: z.string().optional() }),
      handle: ({ count, note }) => ({ count, note }),
    }),
    "shop.list": method({
      summary: "Lists.",
      params: z.strictObject({ limit: z.number().optional() }),
      result: z.array(z.string()),
      handle: () => ["a"],
    }),
    "shop.free": method({ summary: "Says nothing of its result.", params: z.strictObject({}), handle: () => 1 }),
  };
}

type ShopMethods = MethodsOf<ReturnType<typeof shopMethods>>;

declare module "../src/rpc-methods.js" {
  interface RpcMethods extends ShopMethods {}
}

/** Compiles when the two types are the same. */
function same<A, B>(_: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never): void {}

const registry = new HandlerRegistry();
registry.register(methodsHandler({ name: "shop", priority: 500, methods: shopMethods() }));
const client = inProcessClient(new Dispatcher({ registry }));
const refused = { code: "INVALID_PARAMS" };

describe("the types of a client", () => {
  it("come from the table of methods", async () => {
    same<ParamsOf<"shop.order">, { what: string; count: string; note?: string | undefined }>(true);
    same<ResultOf<"shop.order">, { count: number; note?: string | undefined }>(true);
    same<ResultOf<"shop.free">, unknown>(true);
    same<ParamsOf<"no.such">, unknown>(true);

    const order = await client.call("shop.order", { what: "tea", count: "2" });
    same<typeof order, { count: number; note?: string | undefined }>(true);
    expect(order).toEqual({ count: 2 });
    const list: string[] = await client.call("shop.list");
    expect(list).toEqual(["a"]);
    await client.call("shop.list", { limit: 1 }, { timeoutMs: 60_000 });
    await client.call("shop.free", {});
  });

  it("refuse params that a known method does not take", async () => {
    // @ts-expect-error a param is missing
    await expect(client.call("shop.order", { what: "tea" })).rejects.toMatchObject(refused);
    // @ts-expect-error a param has another type
    await expect(client.call("shop.order", { what: "tea", count: 2 })).rejects.toMatchObject(refused);
    // @ts-expect-error there is no such param
    await expect(client.call("shop.list", { limits: 2 })).rejects.toMatchObject(refused);
    // @ts-expect-error the params are missing
    await expect(client.call("shop.order")).rejects.toMatchObject(refused);
    // @ts-expect-error it takes an object
    await expect(client.call("shop.list", 7)).rejects.toMatchObject(refused);
    // @ts-expect-error it takes no params
    await expect(client.call("shop.free", { at: 1 })).rejects.toMatchObject(refused);
  });

  it("refuse to take a result for something else", async () => {
    // @ts-expect-error it is an array of texts
    const numbers: number[] = await client.call("shop.list");
    // @ts-expect-error it has no such field
    const { price } = await client.call("shop.order", { what: "tea", count: "2" });
    // @ts-expect-error it is unknown
    const text: string = await client.call("shop.free");
    // @ts-expect-error a type of one's own is no method's name
    const own = await client.call<{ price: number }>("shop.list");
    expect([numbers, price, text, own]).toEqual([["a"], undefined, 1, ["a"]]);
  });

  it("let any other method be called with anything", async () => {
    const name: string = "shop.list";
    same<Awaited<ReturnType<typeof client.call<string>>>, unknown>(true);
    const result: unknown = await client.call(name, { limit: 1 });
    expect(result).toEqual(["a"]);
    await expect(client.call("no.such", { any: ["thing"] })).rejects.toMatchObject({ code: "METHOD_NOT_FOUND" });
    await expect(client.call("no.such")).rejects.toMatchObject({ code: "METHOD_NOT_FOUND" });
    // @ts-expect-error its result is unknown
    const never = async (): Promise<string> => client.call("no.such");
    expect(never).toBeInstanceOf(Function);
  });

  it("are the same for a remote client", async () => {
    const away = remoteClient({ url: "http://127.0.0.1:1" });
    // @ts-expect-error a param is missing
    const call: Promise<{ count: number }> = away.call("shop.order", { what: "tea" });
    await expect(call).rejects.toMatchObject({ code: "NODE_UNREACHABLE" });
  });
});

describe("the types of a method", () => {
  it("hold its handler to its schemas", () => {
    method({
      summary: "",
      params: z.object({ a: z.string() }),
      result: z.object({ a: z.number() }),
      access: {
        // @ts-expect-error the params have no such field
        kvKeys: ({ b }) => [b],
      },
      // @ts-expect-error the result has another type
      handle: ({ a }) => ({ a }),
    });
    const table = { "a.b": method({ summary: "", params: z.object({ a: z.string() }), handle: ({ a }) => a }) };
    // @ts-expect-error a table is no handler
    expect(() => new HandlerRegistry().register(table)).toThrow();
  });
});
