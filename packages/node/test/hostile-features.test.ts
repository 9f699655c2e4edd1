import { type Feature, NODE, POINTS } from "@aspen/feature";
import { AspenError } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ContainerModule, type ContainerModuleLoadOptions } from "inversify";
import { createNode, type KnownFeatures, type NodeConfig, resolveConfig } from "../src/index.js";
import { hostileThrows } from "./hostile.js";
import { featureOf, http } from "./support.js";

let store: MemoryStore;
beforeAll(() => {
  store = new MemoryStore();
});
afterAll(() => store[Symbol.asyncDispose]());

const base = { listen: { port: 0 }, logLevel: "silent", features: { "plugins-wasm": false } } as const;
const start = (features: Feature[], config: NodeConfig = {}) =>
  createNode({ store, features, config: { ...base, ...config } });
const nothing = new ContainerModule(() => {});
const empty = (name: string, more: Partial<Feature> = {}) => featureOf(nothing, name, more);
const binding = (name: string, bind: (options: ContainerModuleLoadOptions) => void) =>
  featureOf(new ContainerModule(bind), name);
const failed = (step: string, reason = "out of order") => ({
  code: "FEATURE_FAILED",
  message: expect.stringMatching(new RegExp(`feature bad failed in its ${step}: .*${reason}`)),
  details: expect.objectContaining({ feature: "bad" }),
});
const broken = () => {
  throw new Error("out of order");
};

describe("a feature that fails is named", () => {
  it("in what it says of its tools", async () => {
    await expect(start([empty("bad", { tools: broken })])).rejects.toMatchObject(failed("tools"));
    const none = empty("bad", { tools: () => 5 as never });
    await expect(start([none])).rejects.toMatchObject(failed("tools", "not a function"));
    const tools = () => [{ command: process.execPath, version: "new", purpose: "to run", install: "get it" }];
    await expect(start([empty("bad", { tools })])).rejects.toMatchObject({
      code: "TOOL_MISSING",
      message: expect.stringMatching(/range that is none.*bad/),
    });
  });

  it("in its module", async () => {
    await expect(start([empty("bad", { module: () => undefined as never })])).rejects.toMatchObject(
      failed("module", "no ContainerModule"),
    );
  });

  it("in its factory of handlers, with the code that it threw", async () => {
    const factory = (create: () => unknown) =>
      binding("bad", ({ bind }) => {
        bind(POINTS.handlerFactory).toConstantValue({ name: "its", priority: 500, create: create as never });
      });
    await expect(start([factory(broken)])).rejects.toMatchObject(failed("handler its"));
    await expect(start([factory(() => Promise.reject(new Error("out of order")))])).rejects.toMatchObject(
      failed("handler its"),
    );
    const coded = new AspenError("STORE_UNAVAILABLE", "no disk", { disk: "a" });
    await expect(start([factory(() => Promise.reject(coded))])).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringMatching(/feature bad.*no disk/),
      details: { feature: "bad", disk: "a" },
    });
    const handler = { name: "h", priority: 500, methods: [], canHandle: () => true, handle: async () => 1 };
    for (const [other, reason] of [
      [{}, "no name"],
      ["text", "no name"],
      [{ ...handler, methods: undefined }, "no methods"],
      [{ ...handler, canHandle: undefined }, "canHandle"],
      [{ ...handler, handle: 5 }, "handle"],
      [{ ...handler, priority: 5 }, "priority 5"],
    ] as const) {
      await expect(start([factory(() => other)])).rejects.toMatchObject({
        code: "CONFIG_INVALID",
        message: expect.stringMatching(new RegExp(`feature bad failed in its handler its: .*${reason}`)),
      });
    }
  });

  const points = Object.entries(POINTS).filter(([name]) => name !== "runtime" && name !== "hostPort");
  it.each(points)("in what it binds to POINTS.%s, also when another asks for it", async (name, point) => {
    // Those are asked for by the feature that has jobs for them.
    const config = name === "worker" || name === "callerReview" ? { features: { jobs: {} } } : {};
    const missing = Symbol("what nobody binds");
    for (const [bind, reason] of [
      [({ bind }) => bind(point as never).toDynamicValue(broken), "out of order"],
      [({ bind }) => bind(point as never).toResolvedValue((it) => it as never, [missing]), "what nobody binds"],
      [({ bind }) => bind(point as never).toDynamicValue(async () => ({}) as never), "asynchronous"],
      [({ bind }) => bind(point as never).toConstantValue(5 as never), "is no object but number"],
      [({ bind }) => bind(point as never).toConstantValue({} as never), "has no (function|string)"],
      [({ bind }) => bind(point as never), "No bindings found"],
      [
        ({ bind }) => bind(point as never).toDynamicValue((context) => context.getAll(point as never) as never),
        "needs itself",
      ],
    ] as [(options: ContainerModuleLoadOptions) => void, string][]) {
      const features = [empty("good"), binding("bad", bind), empty("other")];
      await expect(start(features, config)).rejects.toMatchObject({
        message: expect.stringMatching(new RegExp(`^the feature bad failed in its bindings: [^]*${reason}`)),
        details: { feature: "bad" },
      });
    }
  });

  it.each(hostileThrows)("when it throws %s", async (_name, thrown, reason) => {
    const rude = () => {
      throw thrown;
    };
    const service = { name: "its", start: rude, [Symbol.asyncDispose]: async () => {} };
    const expected = { code: "FEATURE_FAILED", message: expect.stringMatching(reason) };
    for (const feature of [
      empty("bad", { tools: rude }),
      empty("bad", { module: rude }),
      empty("bad", { config: { "~standard": { version: 1, vendor: "test", validate: rude } } }),
      binding("bad", ({ bind }) => bind(POINTS.service).toDynamicValue(rude)),
      binding("bad", ({ bind }) =>
        bind(POINTS.handlerFactory).toConstantValue({ name: "f", priority: 500, create: rude }),
      ),
      binding("bad", ({ bind }) => bind(POINTS.service).toConstantValue(service)),
    ]) {
      await expect(start([feature])).rejects.toMatchObject(expected);
    }
  });
});

describe("a feature that hangs is given up, and named", () => {
  const limits = { serviceStartMs: 20 };
  const hangs = () => new Promise<never>(() => {});
  const late = (step: string) => ({
    code: "FEATURE_FAILED",
    message: expect.stringMatching(new RegExp(`feature bad did not end its ${step} within 20 ms`)),
    details: { feature: "bad", limitMs: 20 },
  });

  it("in its module, its factory or its schema", async () => {
    await expect(start([empty("bad", { module: hangs })], { limits })).rejects.toMatchObject(late("module"));
    const inner = featureOf(new ContainerModule(hangs), "bad");
    await expect(start([inner], { limits })).rejects.toMatchObject(late("module"));
    const factory = binding("bad", ({ bind }) =>
      bind(POINTS.handlerFactory).toConstantValue({ name: "its", priority: 500, create: hangs }),
    );
    await expect(start([factory], { limits })).rejects.toMatchObject(late("handler its"));
    const config = { "~standard": { version: 1, vendor: "test", validate: hangs } } as const;
    await expect(start([empty("bad", { config })], { limits })).rejects.toMatchObject(late("configuration schema"));
  });

  it("in its import; one that exports none is named too", async () => {
    const of = (load: () => Promise<unknown>): KnownFeatures => ({
      bad: { package: "@aspen/bad", on: true, load: load as never },
    });
    await expect(resolveConfig({ limits }, { store }, of(hangs))).rejects.toMatchObject({
      code: "FEATURE_FAILED",
      message: expect.stringMatching(/feature bad cannot be loaded from @aspen\/bad: .*within 20 ms/),
    });
    for (const [exported, reason] of [
      [{}, "no object"],
      [{ feature: empty("other") }, "its name is other"],
    ] as const) {
      await expect(
        resolveConfig(
          {},
          { store },
          of(async () => exported),
        ),
      ).rejects.toMatchObject({
        code: "FEATURE_FAILED",
        message: expect.stringMatching(new RegExp(`feature bad.*${reason}`)),
      });
    }
  });
});

it("what is no feature is refused by its place", async () => {
  const rule = async (feature: unknown) => {
    const error = await resolveConfig({}, { store, features: [feature as Feature] }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "CONFIG_INVALID", details: { field: "features[0]" } });
    return error.details.problems[0].rule;
  };
  expect(await rule("text")).toMatch(/no object/);
  expect(await rule({ ...empty("a"), module: 5 })).toMatch(/no function module/);
  expect(await rule({ ...empty("a"), tools: [] })).toMatch(/tools/);
  expect(await rule({ ...empty("a"), requires: "kv" })).toMatch(/requires/);
  expect(await rule({ ...empty("a"), requires: [null] })).toMatch(/requires/);
  expect(await rule({ ...empty("a"), config: {} })).toMatch(/Standard Schema/);
});

it.each(["__proto__", "toString", "hasOwnProperty", "a b", "", "-", "A"])(
  "the name %j is none of a feature",
  async (name) => {
    await expect(resolveConfig({}, { store, features: [empty(name)] })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      details: { field: `features.${name}` },
    });
  },
);

it("keys of a prototype in a configuration change nothing", async () => {
  const resolved = (text: string) => resolveConfig(JSON.parse(text), { store });
  const { flags } = await resolved("{}");
  for (const text of ['{"features":{"__proto__":{"kv":false,"x":1}}}', '{"features":{"kv":{"__proto__":{"x":1}}}}']) {
    expect(await resolved(text)).toMatchObject({ flags });
  }
  for (const text of [
    '{"__proto__":{"dataDir":"x","x":1}}',
    '{"listen":{"__proto__":{"port":1,"x":1}}}',
    '{"constructor":{"prototype":{"x":1}}}',
    '{"features":{"toString":true}}',
  ]) {
    await expect(resolved(text)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  }
  expect(({} as { x?: unknown }).x).toBeUndefined();
});

it("features of one container share what they bind under names of their own", async () => {
  const shared = Symbol("shared");
  const one = binding("one", ({ bind }) => bind(shared).toConstantValue("hello"));
  const two = {
    ...binding("two", ({ bind }) =>
      bind(POINTS.healthCheck)
        .toResolvedValue(
          (message: string, id: string) => ({
            name: "two",
            check: async () => ({ state: "degraded" as const, message: `${message} ${id}` }),
          }),
          [shared, NODE.id],
        )
        .inSingletonScope(),
    ),
    requires: ["one"],
  };
  await using node = await start([two, one]);
  const { body } = await http(node.url, "/readyz", { method: "GET" });
  expect(body.checks).toContainEqual({ name: "two", state: "degraded", message: `hello ${node.id}` });
});
