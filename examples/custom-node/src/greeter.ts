import { pipeline } from "node:stream/promises";
import { type Feature, MIDDLEWARE_ORDER, NODE, POINTS, type Service } from "@aspen/feature";
import { method, methodsHandler } from "@aspen/rpc-core";
import { ContainerModule } from "inversify";
import { z } from "zod";

const config = z.strictObject({
  greeting: z.string().min(1).default("Hello"),
  everyMs: z.int().min(1).default(60_000),
});

/** Greets, by a method; sends back what it gets, at `/greeter/echo`. */
export const feature: Feature<z.output<typeof config>> = {
  name: "greeter",
  config,
  module: ({ greeting, everyMs }) =>
    new ContainerModule(({ bind }) => {
      let greeted = 0;
      const hello = method({
        summary: "Greets somebody.",
        params: z.strictObject({ name: z.string().min(1).max(64) }),
        handle: ({ name }) => `${greeting}, ${name}!`,
      });
      const create = () => methodsHandler({ name: "greeter", priority: 500, methods: { "greeter.hello": hello } });
      bind(POINTS.handlerFactory).toConstantValue({ name: "greeter", priority: 500, create });
      bind(POINTS.middleware).toConstantValue({
        name: "greeter-count",
        order: MIDDLEWARE_ORDER.feature,
        handle: (request, context, next) => {
          if (request.method === "greeter.hello") greeted += 1;
          return next(request, context);
        },
      });
      bind(POINTS.meter).toConstantValue({
        name: "aspen_greeter_greetings_total",
        help: "Greetings that were asked for.",
        kind: "counter",
        collect: () => [{ value: greeted }],
      });
      bind(POINTS.httpMount).toConstantValue({
        prefix: "/greeter/echo",
        access: "caller",
        maxBodyBytes: null,
        handle: (request, response, { signal }) => pipeline(request, response, { signal }),
      });
      bind(POINTS.service).toResolvedValue(
        (log): Service => {
          let timer: NodeJS.Timeout | undefined;
          return {
            name: "greeter",
            start: async () => {
              timer = setInterval(() => log.info({ greeted }, "greetings so far"), everyMs);
            },
            [Symbol.asyncDispose]: async () => clearInterval(timer),
          };
        },
        [NODE.log],
      );
    }),
};
