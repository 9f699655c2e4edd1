import { setTimeout as delay } from "node:timers/promises";
import { type Feature, MIDDLEWARE_ORDER, POINTS, type Service, type SystemTool } from "@aspen/feature";
import { method, methodsHandler } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ContainerModule } from "inversify";
import { pino } from "pino";
import { z } from "zod";
import {
  type CreateNodeOptions,
  createNode,
  type KnownFeatures,
  type NodeConfig,
  resolveConfig,
} from "../src/index.js";
import { featureOf, http } from "./support.js";

let store: MemoryStore;
beforeAll(() => {
  store = new MemoryStore();
});
afterAll(() => store[Symbol.asyncDispose]());

const base = { listen: { port: 0 }, logLevel: "silent", features: { "plugins-wasm": false } } as const;
const start = (features: Feature[], config: NodeConfig = {}, options: CreateNodeOptions = {}) =>
  createNode({ store, features, ...options, config: { ...base, ...config } });
const nothing = new ContainerModule(() => {});
const empty = (name: string, more: Partial<Feature> = {}) => featureOf(nothing, name, more);
const problems = async (features: NodeConfig["features"], own: Feature[] = [], known?: KnownFeatures) => {
  const error = await resolveConfig({ features: features ?? {} }, { store, features: own }, known).then(
    () => ({ details: { problems: [] } }),
    (thrown) => thrown,
  );
  return error.details.problems as { field: string; rule: string }[];
};
const problem = (field: string, rule: RegExp) => [{ field, rule: expect.stringMatching(rule) }];

describe("the configuration of features", () => {
  it("names the field of a feature that is wrong, and the nearest to an unknown key or feature", async () => {
    expect(await problems({ "plugins-wasm": { graceMs: -1 } })).toEqual(problem("features.plugins-wasm.graceMs", /./));
    expect(await problems({ "plugins-wasm": { gracems: 1 } })).toEqual(
      problem("features.plugins-wasm.gracems", /did you mean graceMs\?/),
    );
    expect(await problems({ "plugin-wasm": true })).toEqual(
      problem("features.plugin-wasm", /did you mean plugins-wasm\?/),
    );
    expect(await problems({ kv: { a: 1 } })).toEqual(problem("features.kv.a", /is not known/));
    expect(await problems({ kv: "yes" as never })).toEqual(problem("features.kv", /must be true, false/));
    const misspelt = resolveConfig({ dataDr: "x", listen: { prot: 1 } } as never);
    await expect(misspelt).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      details: {
        problems: expect.arrayContaining([
          { field: "dataDr", rule: expect.stringMatching(/dataDir/) },
          { field: "listen.prot", rule: expect.stringMatching(/port/) },
        ]),
      },
    });
  });

  it("is any Standard Schema's", async () => {
    const config = {
      "~standard": {
        version: 1 as const,
        vendor: "mine",
        validate: (value: unknown) => {
          const keys = Object.keys(value as object).filter((key) => key !== "colour");
          return keys.length === 0 ? { value } : { issues: keys.map((key) => ({ message: "no", path: [{ key }] })) };
        },
        jsonSchema: { input: () => ({ type: "object", properties: { colour: {} }, additionalProperties: false }) },
      },
    };
    const own = [empty("mine", { config })];
    expect(await problems({ mine: { color: 1 } }, own)).toEqual(problem("features.mine.color", /colour/));
    expect(await problems({ mine: { colour: 1 } }, own)).toEqual([]);
  });

  it("reaches the feature; true stands for an empty one, and so does nothing for one that was passed", async () => {
    const config = z.strictObject({ word: z.string().default("hello") });
    const seen: unknown[] = [];
    const mine: Feature<z.output<typeof config>> = {
      name: "mine",
      config,
      module: (got) => {
        seen.push(got);
        return nothing;
      },
    };
    for (const mineConfig of [undefined, true, { word: "bye" }, false]) {
      const features = { ...base.features, ...(mineConfig === undefined ? {} : { mine: mineConfig }) };
      await using node = await start([mine as Feature], { features });
      const { features: flags } = (await node.inject("node.info")) as { features: Record<string, boolean> };
      expect(flags).toMatchObject({ mine: mineConfig !== false, kv: true, "plugins-wasm": false });
    }
    expect(seen).toEqual([{ word: "hello" }, { word: "hello" }, { word: "bye" }]);
  });
});

describe("what features require", () => {
  it("is refused by its place when it is no feature", async () => {
    expect(await problems({}, [null as never, { name: "a" } as never])).toEqual([
      { field: "features[0]", rule: expect.stringContaining("must be a Feature") },
      { field: "features[1]", rule: expect.stringContaining("must be a Feature") },
    ]);
  });

  it.each(["constructor", "valueof"])("may have any name: %s", async (name) => {
    await using node = await start([empty(name)]);
    expect((await node.client.call("node.info")).features[name]).toBe(true);
  });

  it("is named when it fails in its module or its schema", async () => {
    const broken = () => {
      throw new Error("out of order");
    };
    const expected = { code: "FEATURE_FAILED", message: expect.stringMatching(/feature a failed.*out of order/) };
    await expect(start([empty("a", { module: broken })])).rejects.toMatchObject(expected);
    await expect(start([empty("a", { module: () => new ContainerModule(broken) })])).rejects.toMatchObject(expected);
    const config = { "~standard": { version: 1, vendor: "test", validate: broken } } as const;
    await expect(start([empty("a", { config })])).rejects.toMatchObject(expected);
  });

  it("is loaded along, before them; what is off, unknown or a cycle is refused", async () => {
    const known: KnownFeatures = {
      base: { package: "@aspen/base", on: false, load: async () => ({ feature: empty("base") }) },
      other: { package: "@aspen/other", on: false, load: () => Promise.reject(new Error("it was loaded")) },
    };
    const own = [empty("mine", { requires: ["base"] })];
    const { features, flags } = await resolveConfig({}, { store, features: own }, known);
    expect(features.map(({ feature }) => feature.name)).toEqual(["base", "mine"]);
    expect(flags).toEqual({ base: true, other: false, mine: true });
    expect(await problems({ base: false }, own, known)).toEqual(
      problem("features.mine", /requires base, which is off/),
    );
    expect(await problems({}, [empty("mine", { requires: ["bas"] })], known)).toEqual(
      problem("features.mine", /requires bas, which is not known; did you mean base\?/),
    );
    const cycle = [empty("a", { requires: ["b"] }), empty("b", { requires: ["a"] })];
    expect(await problems({}, cycle, {})).toEqual(problem("features.a", /a → b → a/));
    expect(await problems({}, [empty("a"), empty("a")], {})).toEqual(problem("features.a", /two features/));
    expect(await problems({}, [empty("base")], known)).toEqual(problem("features.base", /@aspen\/base/));
    expect(await problems({}, [empty("No!")], {})).toEqual(problem("features.No!", /no name/));
  });

  it("says what to install when a package is missing, and what failed when it is not", async () => {
    const of = (load: () => Promise<{ feature: Feature }>): KnownFeatures => ({
      forge: { package: "no-such-forge", on: true, load },
    });
    // @ts-expect-error: there is no such package.
    const missing = () => import("no-such-forge/feature");
    expect(await problems({}, [], of(missing))).toEqual(problem("features.forge", /npm install no-such-forge/));
    // @ts-expect-error: there is no such package.
    const within = () => import("no-such-dependency");
    await expect(resolveConfig({}, { store }, of(within))).rejects.toMatchObject({
      code: "FEATURE_FAILED",
      message: expect.stringMatching(/feature forge.*no-such-dependency/),
    });
  });
});

describe("the tools of a feature", () => {
  const tool = (command: string, more: Partial<SystemTool> = {}): SystemTool => ({
    command,
    purpose: "to do its work",
    install: `apt-get install ${command}`,
    ...more,
  });

  it("are asked for at the start; every one that is missing or too old is named", async () => {
    const tools = [
      tool("no-such-program"),
      tool(process.execPath, { version: ">=99" }),
      tool(process.execPath, { version: ">=20", versionArguments: ["-v"] }),
      tool(process.execPath, { versionArguments: ["-e", "process.exit(3)"] }),
    ];
    const failed = start([empty("mine", { tools: () => tools })]);
    await expect(failed).rejects.toMatchObject({
      code: "TOOL_MISSING",
      message: expect.stringMatching(/no-such-program.*mine.*apt-get install no-such-program/),
      details: {
        tools: [
          { feature: "mine", command: "no-such-program", problem: "is not there" },
          { version: ">=99", problem: expect.stringContaining(process.versions.node) },
          { problem: expect.stringMatching(/cannot be run/) },
        ],
      },
    });
    await using _node = await start([empty("mine", { tools: () => [tools[2]!] })]);
  });
});

describe("services", () => {
  const events: string[] = [];
  const service = (name: string, more: Partial<Service> = {}): Feature => {
    const it: Service = {
      name,
      start: async () => void events.push(`start ${name}`),
      drain: async () => void events.push(`drain ${name}`),
      [Symbol.asyncDispose]: async () => void events.push(`dispose ${name}`),
      ...more,
    };
    const module = new ContainerModule(({ bind }) => void bind(POINTS.service).toConstantValue(it));
    return featureOf(module, name);
  };

  it("start in the order of their features, and are drained and disposed in reverse", async () => {
    events.length = 0;
    const features = [{ ...service("late"), requires: ["early"] }, service("early")];
    const node = await start(features);
    await node[Symbol.asyncDispose]();
    expect(events).toEqual([
      ...["start early", "start late"],
      ...["drain late", "drain early", "dispose late", "dispose early"],
    ]);
    // A store that was passed stays open.
    expect(await store.kv.get("x")).toBeNull();
  });

  it("one that does not start stops the node with its name and reason; the others are put away", async () => {
    events.length = 0;
    const failing = service("second", { start: () => Promise.reject(new Error("the disk is full")) });
    await expect(start([service("first"), failing, service("third")])).rejects.toMatchObject({
      code: "FEATURE_FAILED",
      message: expect.stringMatching(/second.*the disk is full/),
      details: { service: "second" },
    });
    expect(events).toEqual([
      ...["start first", "drain first"],
      ...["dispose third", "dispose second", "dispose first"],
    ]);
  });

  it("one that hangs in its start is given up, with its signal aborted", async () => {
    let told: AbortSignal | undefined;
    const hanging = service("slow", {
      start: (signal) => {
        told = signal;
        return new Promise(() => {});
      },
    });
    await expect(start([hanging], { limits: { serviceStartMs: 20 } })).rejects.toMatchObject({
      code: "FEATURE_FAILED",
      message: expect.stringMatching(/slow did not start within 20 ms/),
    });
    expect(told?.aborted).toBe(true);
  });

  it("one that hangs in its draining is given up after its limit, with a warning that names it", async () => {
    events.length = 0;
    const lines: { msg: string; service?: string }[] = [];
    const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const hanging = service("stuck", { drain: () => new Promise(() => {}) });
    const node = await start([service("before"), hanging], { limits: { drainMs: 20 } }, { log });
    await node[Symbol.asyncDispose]();
    expect(lines).toEqual([expect.objectContaining({ service: "stuck", msg: expect.stringMatching(/given up/) })]);
    expect(events).toEqual(["start before", "start stuck", "drain before", "dispose stuck", "dispose before"]);
  });

  it("take no requests before they have started", async () => {
    let goOn!: () => void;
    const waiting = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let drained = false;
    const slow = service("slow", {
      start: () => waiting,
      drain: async () => {
        drained = true;
      },
    });
    const starting = start([slow]);
    await delay(20);
    goOn();
    await using node = await starting;
    expect(await http(node.url, "/rpc/node.info", { body: "{}" })).toMatchObject({ status: 200 });
    expect(drained).toBe(false);
  });
});

describe("points", () => {
  it("put middleware in its order, inside the one that drains", async () => {
    const order: string[] = [];
    const layer = (name: string, at: number) =>
      featureOf(
        new ContainerModule(({ bind }) => {
          bind(POINTS.middleware).toConstantValue({
            name,
            order: at,
            handle: (request, context, next) => {
              order.push(name);
              return next(request, context);
            },
          });
        }),
        name,
      );
    await using node = await start([
      layer("last", MIDDLEWARE_ORDER.feature + 1),
      layer("second", MIDDLEWARE_ORDER.feature),
      layer("third", MIDDLEWARE_ORDER.feature),
      layer("first", MIDDLEWARE_ORDER.access),
    ]);
    await node.inject("node.info");
    expect(order).toEqual(["first", "second", "third", "last"]);
  });

  it("serve handlers by their priority, metrics and health", async () => {
    let state: "healthy" | "degraded" | "hangs" = "healthy";
    let values = [{ value: 3, labels: { kind: 'a "quoted"\nlabel' } }];
    const module = new ContainerModule(({ bind }) => {
      const say = method({ summary: "", params: z.strictObject({}), handle: () => "hello" });
      const create = () => methodsHandler({ name: "say", priority: 500, methods: { "say.hello": say } });
      bind(POINTS.handlerFactory).toConstantValue({ name: "say", priority: 500, create });
      bind(POINTS.meter).toConstantValue({
        ...({ name: "say_hellos_total", help: "Hellos.", kind: "counter" } as const),
        collect: () => values,
      });
      bind(POINTS.meter).toConstantValue({
        ...({ name: "say_broken", help: "Never.", kind: "gauge" } as const),
        collect: () => {
          throw new Error("it broke");
        },
      });
      bind(POINTS.healthCheck).toConstantValue({
        name: "say",
        check: () => {
          if (state === "hangs") return new Promise(() => {});
          return Promise.resolve(state === "healthy" ? { state } : { state, message: "hoarse" });
        },
      });
    });
    await using node = await start([featureOf(module)]);
    expect(await node.inject("say.hello")).toBe("hello");
    const metrics = async () => (await fetch(`${node.url}/metrics`)).text();
    expect(await metrics()).toContain('say_hellos_total{kind="a \\"quoted\\"\\nlabel"} 3');
    values = Array.from({ length: 5000 }, (_, at) => ({ value: 1, labels: { kind: String(at) } }));
    const text = await metrics();
    expect(text.match(/^say_hellos_total\{/gm)).toHaveLength(1000);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(text).not.toContain("say_broken ");
    expect(await http(node.url, "/metrics", { body: "" })).toMatchObject({
      status: 405,
      headers: { allow: "GET, HEAD" },
    });
    const ready = () => http(node.url, "/readyz", { method: "GET" });
    expect(await ready()).toMatchObject({ status: 200, body: { status: "ready" } });
    state = "degraded";
    expect(await ready()).toMatchObject({
      status: 503,
      body: {
        status: "degraded",
        checks: expect.arrayContaining([
          { name: "store", state: "healthy" },
          { name: "say", state: "degraded", message: "hoarse" },
        ]),
      },
    });
    state = "hangs";
    const late = { name: "say", state: "degraded", message: expect.stringMatching(/did not answer/) };
    expect((await ready()).body.checks).toContainEqual(late);
  });

  it("two meters of one name are refused", async () => {
    const meter = { name: "twice", help: "", kind: "gauge", collect: () => [] } as const;
    const module = () => new ContainerModule(({ bind }) => void bind(POINTS.meter).toConstantValue(meter));
    await expect(start([featureOf(module(), "a"), featureOf(module(), "b")])).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("twice"),
    });
  });
});

it("a store that is passed leaves no room for another", async () => {
  await expect(start([], { dataDir: "x" })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    details: { field: "dataDir" },
  });
});
