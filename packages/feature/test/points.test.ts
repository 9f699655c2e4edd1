import { method, methodsHandler } from "@aspen/rpc-core";
import { describe, expect, it } from "@jest/globals";
import { Container, ContainerModule } from "inversify";
import { z } from "zod";
import { type Feature, given, MIDDLEWARE_ORDER, NODE, POINTS } from "../src/index.js";

const config = z.strictObject({ greeting: z.string().default("Hello") });
const greeter: Feature<z.output<typeof config>> = {
  name: "greeter",
  config,
  module: ({ greeting }) =>
    new ContainerModule(({ bind }) => {
      const hello = method({ summary: "Greets.", params: z.strictObject({}), handle: () => greeting });
      const create = () => methodsHandler({ name: "greeter", priority: 500, methods: { "greeter.hello": hello } });
      bind(POINTS.handlerFactory).toConstantValue({ name: "greeter", priority: 500, create });
      bind(POINTS.meter).toResolvedValue(
        (clock) => ({ name: "now", help: "", kind: "gauge", collect: () => [{ value: clock.now() }] }),
        [NODE.clock],
      );
    }),
};

describe("a feature", () => {
  it("binds points that whoever composes a node finds, with what the node gives", async () => {
    const checked = await greeter.config["~standard"].validate({});
    if (checked.issues) throw new Error("it was refused");
    const container = new Container();
    container.bind(NODE.clock).toConstantValue({ now: () => 42 });
    await container.loadAsync(await greeter.module(checked.value));
    const [factory] = container.getAll(POINTS.handlerFactory);
    const handler = await factory!.create();
    expect(handler?.canHandle("greeter.hello")).toBe(true);
    expect(container.getAll(POINTS.meter).flatMap((meter) => meter.collect())).toEqual([{ value: 42 }]);
  });

  it("has identifiers that are the same in every copy of the package", () => {
    const all = [...Object.values(POINTS), ...Object.values(NODE)] as symbol[];
    expect(new Set(all).size).toBe(all.length);
    for (const identifier of all) expect(Symbol.keyFor(identifier)).toMatch(/^@aspen\/feature /);
  });

  it("stands inside the node's own middleware", () => {
    const { drain, access, feature } = MIDDLEWARE_ORDER;
    expect([drain, access, feature]).toEqual([drain, access, feature].sort((a, b) => a - b));
  });

  it("passes on what its configuration says, and leaves out what it leaves out", () => {
    const idleMs: number | undefined = undefined;
    expect(Object.entries(given({ idleMs, spareWorkers: 0, safeMode: false, reader: null }))).toEqual([
      ["spareWorkers", 0],
      ["safeMode", false],
      ["reader", null],
    ]);
  });
});
