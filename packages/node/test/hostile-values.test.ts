import { type HealthCheck, type Meter, POINTS, type Service } from "@aspen/feature";
import { AspenError } from "@aspen/plugin-api";
import { method, methodsHandler } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ContainerModule } from "inversify";
import { pino } from "pino";
import { z } from "zod";
import { type AspenNode, createNode } from "../src/index.js";
import { hostileProxy, hostileThrows } from "./hostile.js";
import { featureOf, http } from "./support.js";

const config = { listen: { port: 0 }, features: { "plugins-wasm": false } } as const;
const lines: Record<string, unknown>[] = [];
const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });

let answer: () => unknown = () => null;
let check: HealthCheck["check"] = async () => ({ state: "healthy" });
let collect: Meter["collect"] = () => [];
const module = new ContainerModule(({ bind }) => {
  const say = method({ summary: "", params: z.any(), handle: () => answer() });
  const create = () => methodsHandler({ name: "say", priority: 500, methods: { "say.it": say } });
  bind(POINTS.handlerFactory).toConstantValue({ name: "say", priority: 500, create });
  bind(POINTS.healthCheck).toConstantValue({ name: "mine", check: (signal) => check(signal) });
  const meter = { name: "mine_total", help: "Mine.", kind: "counter" } as const;
  bind(POINTS.meter).toConstantValue({ ...meter, collect: () => collect() });
});

let store: MemoryStore;
let node: AspenNode;
beforeAll(async () => {
  store = new MemoryStore();
  node = await createNode({ store, config, features: [featureOf(module)], log });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

function cyclic(): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

describe("a method", () => {
  const call = () => http(node.url, "/rpc/say.it", { body: "{}" });

  it.each(hostileThrows)("that throws %s is answered, and its defect is in the log", async (_name, thrown, reason) => {
    const expected = (requestId: string) =>
      expect.objectContaining({
        ...{ msg: "refused", method: "say.it", requestId },
        err: expect.objectContaining({ message: expect.stringMatching(reason) }),
      });
    answer = () => {
      throw thrown;
    };
    lines.length = 0;
    const answered = await call();
    expect(answered).toMatchObject({ status: 500, body: { error: { code: "INTERNAL" } } });
    expect(lines).toContainEqual(expected(answered.body.error.requestId));
    await expect(node.inject("say.it", {}, { requestId: "mine" })).rejects.toMatchObject({ code: "INTERNAL" });
    expect(lines).toContainEqual(expected("mine"));
  });

  it("whose error has details that JSON cannot hold is answered without them", async () => {
    for (const details of [{ n: 1n }, cyclic(), { toJSON: () => undefined, x: hostileProxy() }]) {
      answer = () => {
        throw new AspenError("KV_CONFLICT", "no", details);
      };
      const expected = { status: 409, body: { error: { code: "KV_CONFLICT", message: "no" } } };
      expect(await call()).toMatchObject(expected);
    }
  });

  it.each([
    ["undefined", () => undefined, null],
    ["nothing in a field", () => ({ a: undefined }), {}],
    ["NaN", () => Number.NaN, null],
    ["a Map", () => new Map([[1, 2]]), {}],
    ["a date", () => new Date(0), "1970-01-01T00:00:00.000Z"],
  ])("that gives %s answers what JSON makes of it", async (_name, value, body) => {
    answer = value;
    expect(await call()).toMatchObject({ status: 200, body });
  });

  it.each([
    ["a function", () => () => {}],
    ["a symbol", () => Symbol("x")],
    ["a BigInt", () => 1n],
    ["a cycle", cyclic],
    ["a proxy whose traps throw", hostileProxy],
    ["what becomes nothing", () => ({ toJSON: () => undefined })],
    ["what throws when it is written", () => ({ toJSON: rude(hostileProxy()) })],
  ])("that gives %s has failed", async (_name, value) => {
    answer = value;
    lines.length = 0;
    const answered = await call();
    expect(answered).toMatchObject({ status: 500, body: { error: { code: "INTERNAL" } } });
    const { requestId } = answered.body.error;
    expect(lines).toContainEqual(expect.objectContaining({ msg: "refused", requestId, err: expect.anything() }));
  });
});

describe("the readiness of a node", () => {
  const mine = async () => {
    const { status, body } = await http(node.url, "/readyz", { method: "GET" });
    return [status, body.checks.find(({ name }: { name: string }) => name === "mine")];
  };

  it.each([
    ["a BigInt and a cycle", { state: "degraded", message: 1n, details: cyclic() }, "1"],
    ["a cycle beside health", { state: "healthy", ...cyclic() }, undefined],
    ["another name", { state: "degraded", message: "no", name: "other" }, "no"],
    ["a long message", { state: "degraded", message: "x".repeat(5000) }, `${"x".repeat(1024)}…`],
    ["no message", { state: "degraded" }, "undefined"],
    ["another state", { state: "well" }, "its answer is no report"],
    ["nothing", undefined, "its answer is no report"],
    [
      "a proxy whose traps throw",
      [hostileProxy()].map((it) => ({ state: "degraded", message: it }))[0],
      "something was thrown that cannot be read",
    ],
  ])("is told when a check says %s", async (_name, report, message) => {
    check = (async () => report) as never;
    const state = message === undefined ? "healthy" : "degraded";
    const told = message === undefined ? { name: "mine", state } : { name: "mine", state, message };
    expect(await mine()).toEqual([message === undefined ? 200 : 503, told]);
  });

  it.each(hostileThrows)("is told when a check throws %s", async (_name, thrown, reason) => {
    for (const throws of [() => Promise.reject(thrown), rude(thrown)]) {
      check = throws as never;
      expect(await mine()).toEqual([503, { name: "mine", state: "degraded", message: expect.stringMatching(reason) }]);
    }
    check = async () => ({ state: "healthy" });
    expect(await mine()).toEqual([200, { name: "mine", state: "healthy" }]);
  });
});

describe("a meter is left out, and the rest is measured,", () => {
  const metrics = async () => {
    const answered = await fetch(`${node.url}/metrics`);
    expect(answered.status).toBe(200);
    const text = await answered.text();
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    return text;
  };

  it.each(hostileThrows)("when it throws %s", async (_name, thrown) => {
    collect = rude(thrown) as never;
    expect(await metrics()).not.toMatch(/^mine_total/m);
    collect = (() => Promise.reject(thrown)) as never;
    expect(await metrics()).not.toMatch(/^mine_total/m);
  });

  it.each([
    ["a promise", Promise.resolve([{ value: 1 }])],
    ["nothing", undefined],
    ["a value that is none", [{ value: "1" }]],
    ["a BigInt", [{ value: 1n }]],
    ["a negative count", [{ value: -1 }]],
    ["a label that is none", [{ value: 1, labels: { "a b": "c" } }]],
    ["a label that is no text", [{ value: 1, labels: { a: null } }]],
    ["a proxy whose traps throw", hostileProxy()],
  ])("when it gives %s", async (_name, given) => {
    collect = () => given as never;
    expect(await metrics()).not.toMatch(/^mine_total/m);
    collect = () => [{ value: 2 }];
    expect(await metrics()).toMatch(/^mine_total 2$/m);
  });
});

describe("services", () => {
  const its = (more: Partial<Service>) =>
    featureOf(
      new ContainerModule(({ bind }) => {
        const service = { name: "its", start: async () => {}, [Symbol.asyncDispose]: async () => {}, ...more };
        bind(POINTS.service).toConstantValue(service);
      }),
    );

  it.each(hostileThrows)("that throw %s in their draining let the node end", async (_name, thrown, reason) => {
    lines.length = 0;
    const own = await createNode({ store, config, features: [its({ drain: rude(thrown) })], log });
    await own[Symbol.asyncDispose]();
    expect(lines).toContainEqual(
      expect.objectContaining({
        service: "its",
        err: expect.objectContaining({ message: expect.stringMatching(reason) }),
      }),
    );
  });

  it("are ended once, however often the node is", async () => {
    let ends = 0;
    const end = async () => {
      ends += 1;
    };
    const own = await createNode({ store, config, features: [its({ [Symbol.asyncDispose]: end })], log });
    await Promise.all([own[Symbol.asyncDispose](), own[Symbol.asyncDispose]()]);
    await own[Symbol.asyncDispose]();
    expect(ends).toBe(1);
    await expect(own.inject("node.info")).rejects.toMatchObject({ code: "NODE_UNREACHABLE" });
  });
});

it("a node can be ended by one of its own methods", async () => {
  const limits = { drainMs: 50 };
  const own = await createNode({ store, config: { ...config, limits }, features: [featureOf(module)], log });
  answer = () => own[Symbol.asyncDispose]();
  const call = http(own.url, "/rpc/say.it", { body: "{}" });
  expect(await call).toMatchObject({ status: 503, body: { error: { code: "OUTCOME_UNKNOWN" } } });
  await own[Symbol.asyncDispose]();
});

function rude(thrown: unknown): () => never {
  return () => {
    throw thrown;
  };
}
