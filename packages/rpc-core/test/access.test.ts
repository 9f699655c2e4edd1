import { jest } from "@jest/globals";
import { z } from "zod";
import {
  accessMiddleware,
  type Caller,
  Dispatcher,
  HandlerRegistry,
  inProcessClient,
  JsonBytes,
  LOCAL_CALLER,
  type MethodTable,
  type Middleware,
  method,
  methodsHandler,
  type RequestHandler,
  resultMiddleware,
  type StandardSchema,
  sentParams,
} from "../src/index.js";

const caller = (methods: string[], kvPrefixes: string[] = []): Caller => ({
  kind: "plugin",
  id: "p",
  grants: { methods, kvPrefixes },
});

/** A schema that counts how often it validates, and gives another value than it gets. */
function counting(): { schema: StandardSchema<{ keys: string[] }, { keys: string }>; validate: jest.Mock } {
  const validate = jest.fn((value: unknown) => {
    const { keys } = value as { keys?: unknown };
    if (typeof keys !== "string") return { issues: [{ message: "must be text", path: ["keys"] }] };
    return { value: { keys: keys.split(" ") } };
  });
  return { schema: { "~standard": { version: 1, vendor: "test", validate } } as never, validate };
}

function setUp(methods: MethodTable, ...further: Middleware[]) {
  const registry = new HandlerRegistry();
  registry.register(methodsHandler({ name: "test", priority: 500, methods }));
  const dispatcher = new Dispatcher({ registry, middleware: [accessMiddleware(registry), ...further] });
  const as = (caller: Caller) => inProcessClient(dispatcher, { caller });
  return { registry, dispatcher, as };
}

const plain = (over: object = {}) => method({ summary: "", params: z.unknown(), handle: () => "done", ...over });

describe("accessMiddleware", () => {
  it("asks for the method's name where the method says nothing, and for one that nobody serves", async () => {
    const { as } = setUp({ "a.b": plain() });
    await expect(as(caller(["a.b"])).call("a.b")).resolves.toBe("done");
    await expect(as(caller(["a.*"])).call("a.b")).resolves.toBe("done");
    await expect(as(caller(["a"], [""])).call("a.b")).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      message: expect.stringMatching(/plugin "p" may not call "a.b"/),
      details: { method: "a.b", needed: "a.b", caller: { kind: "plugin", id: "p" } },
    });
    await expect(as(caller(["a.b"])).call("a.c")).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await expect(as(caller(["a.*"])).call("a.c")).rejects.toMatchObject({ code: "METHOD_NOT_FOUND" });
  });

  it("asks for nothing where it is public, and for other methods where it names them", async () => {
    const { as } = setUp({
      "a.open": plain({ access: "public" }),
      "a.both": plain({ access: { methods: ["b.one", "b.two"] } }),
    });
    await expect(as(caller([])).call("a.open")).resolves.toBe("done");
    await expect(as(caller(["b.*"])).call("a.both")).resolves.toBe("done");
    await expect(as(caller(["a.both", "b.one"])).call("a.both")).rejects.toMatchObject({
      details: { method: "a.both", needed: "b.two" },
    });
  });

  it("decides on the keys that validated params name; they are validated once", async () => {
    const { schema, validate } = counting();
    const seen: unknown[] = [];
    const { as } = setUp(
      {
        "k.get": method({
          summary: "",
          params: schema,
          access: { kvKeys: ({ keys }) => keys },
          handle: ({ keys }) => keys,
        }),
      },
      (request, context, next) => {
        seen.push(sentParams(request.params));
        return next(request, context);
      },
    );
    await expect(as(caller(["k.get"], ["a:", "b"])).call("k.get", { keys: "a:1 b" })).resolves.toEqual(["a:1", "b"]);
    expect(seen).toEqual([{ keys: "a:1 b" }]);
    expect(validate).toHaveBeenCalledTimes(1);
    await expect(as(caller(["k.get"], ["a:"])).call("k.get", { keys: "a:1 b" })).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      details: { method: "k.get", key: "b" },
    });
    expect(validate).toHaveBeenCalledTimes(2);
    await expect(as(caller(["k.get"], ["a:"])).call("k.get", {})).rejects.toMatchObject({
      code: "INVALID_PARAMS",
      details: { field: "keys" },
    });
    // Who may not call it at all is told so before anything is read.
    await expect(as(caller([], [""])).call("k.get", new JsonBytes(Buffer.from("{")))).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
    });
    expect(validate).toHaveBeenCalledTimes(3);
    await expect(as(LOCAL_CALLER).call("k.get", { keys: "x" })).resolves.toEqual(["x"]);
    expect(validate).toHaveBeenCalledTimes(4);
  });

  it("reads params in bytes as the handler would", async () => {
    const { as } = setUp({
      "k.get": plain({
        params: z.object({ key: z.string() }),
        access: { kvKeys: ({ key }: { key: string }) => [key] },
        handle: ({ key }: { key: string }) => key,
      }),
    });
    const bytes = (text: string) => new JsonBytes(Buffer.from(text));
    const client = as(caller(["k.get"], ["a"]));
    await expect(client.call("k.get", bytes('{"key":"ab"}'))).resolves.toBe("ab");
    await expect(client.call("k.get", bytes('{"key":"b"}'))).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await expect(client.call("k.get", bytes('{"key"'))).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  });

  it("gives a handler that comes in between what was sent, not what another's schema made of it", async () => {
    const { schema } = counting();
    const handle = jest.fn<RequestHandler["handle"]>(async () => "other");
    const other: RequestHandler = { name: "o", priority: 100, methods: [], canHandle: () => true, handle };
    const { registry, as } = setUp(
      { "k.get": method({ summary: "", params: schema, access: { kvKeys: ({ keys }) => keys }, handle: () => "own" }) },
      (request, context, next) => {
        registry.register(other);
        return next(request, context);
      },
    );
    await expect(as(caller(["k.get"], [""])).call("k.get", { keys: "a" })).resolves.toBe("other");
    expect(handle.mock.calls[0]![0]).toEqual({ method: "k.get", params: { keys: "a" } });
  });

  it("passes the caller on", async () => {
    const asked = caller(["a.*"]);
    const { as } = setUp({
      "a.who": method({ summary: "", params: z.unknown(), handle: (_, context) => context.caller }),
    });
    await expect(as(asked).call("a.who")).resolves.toBe(asked);
    await expect(as(LOCAL_CALLER).call("a.who")).resolves.toBe(LOCAL_CALLER);
  });
});

describe("resultMiddleware", () => {
  it("holds results against their schemas, and changes none", async () => {
    const results: unknown[] = [{ n: 1, more: true }, { n: "1" }];
    const { registry } = setUp({
      "a.b": plain({ result: z.object({ n: z.number() }), handle: () => results.shift() }),
      "a.free": plain(),
    });
    const client = inProcessClient(new Dispatcher({ registry, middleware: [resultMiddleware(registry)] }));
    await expect(client.call("a.b")).resolves.toEqual({ n: 1, more: true });
    await expect(client.call("a.b")).rejects.toMatchObject({
      code: "INTERNAL",
      message: expect.stringMatching(/result of a.b .*n: /),
      details: { method: "a.b", problems: [{ field: "n" }] },
    });
    await expect(client.call("a.free")).resolves.toBe("done");
    await expect(client.call("no.such")).rejects.toMatchObject({ code: "METHOD_NOT_FOUND" });
  });
});

describe("what is said of methods", () => {
  it("has the JSON Schemas of a vendor that offers them, and of no other", () => {
    const params = z.object({ at: z.string().default("here"), n: z.string().transform(Number) });
    const { registry } = setUp({
      "a.described": method({
        summary: "Says it.",
        params,
        result: z.object({ at: z.string().default("here") }),
        access: { methods: ["a.x"], kvKeys: ({ at }) => [at] },
        handle: ({ at }) => ({ at }),
      }),
      "a.bare": method({ summary: "", params: counting().schema, access: "public", handle: () => null }),
      // Its outcome cannot be said in JSON Schema.
      "a.odd": method({ summary: "", params: z.unknown(), result: z.string().transform(Number), handle: () => 1 }),
    });
    const object = { type: "object", properties: { at: { type: "string", default: "here" } } };
    const described = registry.describe();
    expect(described[0]).toMatchObject({
      method: "a.described",
      summary: "Says it.",
      access: { methods: ["a.x"], kvKeys: true },
      params: { ...object, required: ["n"] },
      result: { ...object, required: ["at"] },
      handler: "test",
    });
    expect(JSON.parse(JSON.stringify(described[1]))).toEqual({
      ...{ method: "a.bare", summary: "", access: "public", handler: "test", priority: 500, safe: false },
      streams: false,
    });
    expect(described[2]!.result).toBeUndefined();
  });
});
