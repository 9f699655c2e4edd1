import { method, methodsHandler } from "@aspen/rpc-core";
import { Container, ContainerModule } from "inversify";
import { z } from "zod";
import { type Feature, given, type HttpMount, NODE, POINTS, type Service } from "../../src/index.js";

const config = z.strictObject({ greeting: z.string().default("Hello"), idleMs: z.number().optional() });
type Config = z.output<typeof config>;

/** Its module gets what its schema gives out: with the defaults. */
export const feature: Feature<Config> = {
  name: "greeter",
  requires: ["kv"],
  config,
  tools: () => [{ command: "git", purpose: "to serve clones", install: "apt-get install git" }],
  module: (checked) =>
    new ContainerModule(({ bind }) => {
      const greeting: string = checked.greeting;
      // @ts-expect-error it may have been left out
      const idleMs: number = checked.idleMs;
      const options: { greeting: string; idleMs?: number } = given(checked);
      const hello = method({ summary: "", params: z.strictObject({}), handle: () => ({ greeting, idleMs, options }) });
      const create = () => methodsHandler({ name: "greeter", priority: 500, methods: { "greeter.hello": hello } });
      bind(POINTS.handlerFactory).toConstantValue({ name: "greeter", priority: 500, create });
      // @ts-expect-error it makes no handler
      bind(POINTS.handlerFactory).toConstantValue({ name: "greeter", priority: 500 });
      // @ts-expect-error a handler is no middleware
      bind(POINTS.middleware).toConstantValue({ name: "greeter", priority: 500, create });
      bind(POINTS.meter).toResolvedValue(
        (clock) => ({ name: "now", help: "", kind: "gauge", collect: () => [{ value: clock.now() }] }),
        [NODE.clock],
      );
    }),
};

/** A node takes features of any configuration. */
export const all: readonly Feature[] = [feature];
// @ts-expect-error its schema has another type
export const confused: Feature<{ greeting: number }> = { ...feature, config };
// @ts-expect-error it has no schema
export const open: Feature = { name: "greeter", module: () => new ContainerModule(() => {}) };

// @ts-expect-error a service can be disposed
export const lasting: Service = { name: "greeter", start: async () => {} };
export const mount: HttpMount = {
  prefix: "/git",
  access: "caller",
  maxBodyBytes: null,
  handle: async (_request, response, { path, caller, signal }) => {
    signal.throwIfAborted();
    response.end(`${path} ${caller.id}`);
  },
};
// @ts-expect-error a path begins with a slash
export const relative: HttpMount = { ...mount, prefix: "git" };
// @ts-expect-error that there is no limit is said
export const unlimited: HttpMount = { ...mount, maxBodyBytes: undefined };

/** An identifier says what it stands for. */
const container = new Container();
export const now: number = container.get(NODE.clock).now();
// @ts-expect-error any number of services may be bound
export const one: Service = container.getAll(POINTS.service);
