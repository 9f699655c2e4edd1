import { type Feature, type Meter, MIDDLEWARE_ORDER, NODE, POINTS } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import { RPC } from "@aspen/rpc-core/module";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { page } from "../http/page.js";
import { PROCESS_METERS } from "../observe/process-meters.js";
import { Prometheus } from "../observe/prometheus.js";
import { RequestMeters } from "../observe/request-meters.js";
import { type NoConfig, noConfig } from "./no-config.js";

const REQUESTS = Symbol("RequestMeters") as ServiceIdentifier<RequestMeters>;

/** `GET /metrics`, for Prometheus; calls of methods are measured. */
export const feature: Feature<NoConfig> = {
  name: "metrics",
  config: noConfig,
  module: () =>
    new ContainerModule(({ bind }) => {
      for (const meter of PROCESS_METERS) bind(POINTS.meter).toConstantValue(meter);
      bind(REQUESTS)
        .toResolvedValue((registry) => new RequestMeters(registry), [RPC.registry])
        .inSingletonScope();
      bind(POINTS.middleware).toResolvedValue(
        ({ middleware }) => ({ name: "metrics", order: MIDDLEWARE_ORDER.metrics, handle: middleware }),
        [REQUESTS],
      );
      bind(POINTS.httpMount)
        .toResolvedValue<[Meter[], RequestMeters, Logger]>(
          (meters, requests, log) => {
            const prometheus = new Prometheus([...meters, ...requests.meters], log);
            return page("/metrics", "caller", async () => {
              const { text, type } = await prometheus.write();
              return { status: 200, type, body: text };
            });
          },
          [{ serviceIdentifier: POINTS.meter, isMultiple: true }, REQUESTS, NODE.log],
        )
        .inSingletonScope();
    }),
};
