import { type Feature, type Meter, NODE, POINTS } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import { ContainerModule } from "inversify";
import { page } from "../http/page.js";
import { PROCESS_METERS } from "../observe/process-meters.js";
import { Prometheus } from "../observe/prometheus.js";
import { type NoConfig, noConfig } from "./no-config.js";

/** `GET /metrics`, for Prometheus. */
export const feature: Feature<NoConfig> = {
  name: "metrics",
  config: noConfig,
  module: () =>
    new ContainerModule(({ bind }) => {
      for (const meter of PROCESS_METERS) bind(POINTS.meter).toConstantValue(meter);
      bind(POINTS.httpMount)
        .toResolvedValue<[Meter[], Logger]>(
          (meters, log) => {
            const prometheus = new Prometheus(meters, log);
            return page("/metrics", "caller", async () => {
              const { text, type } = await prometheus.write();
              return { status: 200, type, body: text };
            });
          },
          [{ serviceIdentifier: POINTS.meter, isMultiple: true }, NODE.log],
        )
        .inSingletonScope();
    }),
};
