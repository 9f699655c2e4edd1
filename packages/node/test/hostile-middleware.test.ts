import { MIDDLEWARE_ORDER, POINTS } from "@aspen/feature";
import { type Middleware, method, methodsHandler, type Next } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { ContainerModule } from "inversify";
import { z } from "zod";
import { type AspenNode, createNode } from "../src/index.js";
import { hostileThrows } from "./hostile.js";
import { featureOf, http } from "./support.js";

let calls = 0;
let layer: Middleware;
const module = new ContainerModule(({ bind }) => {
  const count = method({ summary: "", params: z.strictObject({}), handle: () => ++calls });
  const create = () => methodsHandler({ name: "count", priority: 500, methods: { "count.it": count } });
  bind(POINTS.handlerFactory).toConstantValue({ name: "count", priority: 500, create });
  for (const order of [MIDDLEWARE_ORDER.drain - 50, MIDDLEWARE_ORDER.feature]) {
    const handle: Middleware = (request, context, next) =>
      request.method === "count.it" && context.requestId === String(order)
        ? layer(request, context, next)
        : next(request, context);
    bind(POINTS.middleware).toConstantValue({ name: `at-${order}`, order, handle });
  }
});

let store: MemoryStore;
let node: AspenNode;
beforeAll(async () => {
  store = new MemoryStore();
  const config = { listen: { port: 0 }, logLevel: "silent", features: { "plugins-wasm": false } } as const;
  node = await createNode({ store, config, features: [featureOf(module)] });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

/** Both where a request is counted and where it is not. */
const places = [MIDDLEWARE_ORDER.drain - 50, MIDDLEWARE_ORDER.feature].map(String);
const call = (at: string) => http(node.url, "/rpc/count.it", { body: "{}", headers: { "x-request-id": at } });

it.each(places)("a middleware may answer itself, with a promise or without, or call next twice: %s", async (at) => {
  layer = async () => "mine";
  expect(await call(at)).toMatchObject({ status: 200, body: "mine" });
  layer = (() => "mine") as never;
  expect(await call(at)).toMatchObject({ status: 200, body: "mine" });
  layer = async () => undefined;
  expect(await call(at)).toMatchObject({ status: 200, body: null });
  calls = 0;
  layer = async (request, context, next) => [await next(request, context), await next(request, context)];
  expect(await call(at)).toMatchObject({ status: 200, body: [1, 2] });
});

it.each(places)("one that goes on after its answer harms nobody: %s", async (at) => {
  let later!: () => ReturnType<Next>;
  layer = async (request, context, next) => {
    later = () => next(request, context);
    return "early";
  };
  expect(await call(at)).toMatchObject({ status: 200, body: "early" });
  calls = 0;
  expect(await later()).toBe(1);
  layer = (request, context, next) => next({ ...request, method: "no.such" }, context);
  expect(await call(at)).toMatchObject({ status: 404 });
});

it.each(hostileThrows)("one that throws %s is answered", async (_name, thrown) => {
  for (const at of places) {
    for (const rude of [
      () => {
        throw thrown;
      },
      () => Promise.reject(thrown),
    ]) {
      layer = rude;
      expect(await call(at)).toMatchObject({ status: 500, body: { error: { code: "INTERNAL", requestId: at } } });
      await expect(node.inject("count.it", {}, { requestId: at })).rejects.toMatchObject({ code: "INTERNAL" });
    }
  }
});

it("one that never answers has the deadline of its caller", async () => {
  layer = () => new Promise(() => {});
  for (const requestId of places) {
    await expect(node.inject("count.it", {}, { requestId, timeoutMs: 20 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
    });
  }
});
