import { describe, expect, it } from "@jest/globals";
import { z } from "zod";
import {
  Dispatcher,
  HandlerRegistry,
  LOCAL_CALLER,
  type Middleware,
  method,
  methodsHandler,
  type RequestContext,
  ResultStream,
  resultMiddleware,
  spanned,
  type TraceContext,
} from "../src/index.js";

const seen = { signals: [] as AbortSignal[], ended: 0 };

const numbers = method({
  summary: "",
  params: z.strictObject({ count: z.int() }),
  result: z.array(z.number()),
  handle: ({ count }) => Array.from({ length: count }, (_, at) => at),
  stream: {
    item: z.number(),
    async *items({ count }, { signal }) {
      seen.signals.push(signal);
      try {
        for (let at = 0; at < count; at += 1) {
          yield [at];
          if (at === 3) await new Promise((resolve) => setImmediate(resolve));
          if (at === 5) await new Promise(() => undefined);
        }
      } finally {
        seen.ended += 1;
      }
    },
  },
});

function dispatcher(...middleware: ((registry: HandlerRegistry) => Middleware)[]): Dispatcher {
  const registry = new HandlerRegistry();
  registry.register(methodsHandler({ name: "test", priority: 500, methods: { "test.numbers": numbers } }));
  return new Dispatcher({ registry, middleware: middleware.map((make) => make(registry)) });
}

const context = (more: Partial<RequestContext> = {}): RequestContext => ({
  requestId: "r",
  caller: LOCAL_CALLER,
  signal: new AbortController().signal,
  takesStream: true,
  ...more,
});

async function streamed(count: number, more: Partial<RequestContext> = {}): Promise<ResultStream> {
  const result = await dispatcher().dispatch({ method: "test.numbers", params: { count } }, context(more));
  expect(result).toBeInstanceOf(ResultStream);
  return result as ResultStream;
}

async function read({ items }: ResultStream): Promise<{ all: unknown[]; error: unknown }> {
  const all: unknown[] = [];
  try {
    for await (const list of items) all.push(...list);
    return { all, error: null };
  } catch (error) {
    return { all, error };
  }
}

describe("a method that streams", () => {
  it("gives a stream to who takes one, and its result to others", async () => {
    expect(await read(await streamed(5))).toEqual({ all: [0, 1, 2, 3, 4], error: null });
    const whole = { takesStream: false };
    const params = { count: 2 };
    expect(await dispatcher().dispatch({ method: "test.numbers", params }, context(whole))).toEqual([0, 1]);
    const checked = dispatcher(resultMiddleware);
    expect(await checked.dispatch({ method: "test.numbers", params }, context())).toBeInstanceOf(ResultStream);
  });

  it("has its params validated first", async () => {
    await expect(dispatcher().dispatch({ method: "test.numbers", params: {} }, context())).rejects.toMatchObject({
      code: "INVALID_PARAMS",
    });
  });

  it("ends with the signal and the deadline of its request, while it waits for its next items", async () => {
    const controller = new AbortController();
    const stream = await streamed(10, { signal: controller.signal });
    const reading = read(stream);
    setTimeout(() => controller.abort(), 50);
    expect(await reading).toMatchObject({ all: [0, 1, 2, 3, 4, 5], error: { code: "CANCELLED" } });
    expect(seen.signals.at(-1)?.aborted).toBe(true);
    const late = await streamed(10, { deadline: performance.now() + 100 });
    expect(await read(late)).toMatchObject({ error: { code: "DEADLINE_EXCEEDED" } });
  });

  it("ends when its reader does", async () => {
    const before = seen.ended;
    for await (const list of (await streamed(3)).items) {
      expect(list).toEqual([0]);
      break;
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen.ended).toBe(before + 1);
  });
});

describe("a span", () => {
  const spans: { name: string; error?: unknown }[] = [];
  const recording: TraceContext = {
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    begin: (name) => ({
      context: recording,
      end: (error) => spans.push(error === undefined ? { name } : { name, error }),
    }),
  };

  it("ends with its work, and knows how", async () => {
    expect(await spanned(recording, "good", {}, async (trace) => trace === recording)).toBe(true);
    const failure = new Error("bad");
    await expect(spanned(recording, "bad", {}, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(spans).toEqual([{ name: "good" }, { name: "bad", error: failure }]);
  });

  it("is none where nothing records it", async () => {
    const passed = { traceparent: recording.traceparent };
    expect(await spanned(passed, "none", {}, async (trace) => trace)).toBe(passed);
    expect(await spanned(undefined, "none", {}, async (trace) => trace)).toBeUndefined();
  });
});
