import { type Feature, MIDDLEWARE_ORDER, POINTS } from "@aspen/feature";
import { ContainerModule } from "inversify";
import { Tracing } from "../observe/tracing.js";
import { packageVersion } from "../package-version.js";
import { type NoConfig, noConfig } from "./no-config.js";

/** Spans of requests, handlers, plugins and host calls, for the SDK of OpenTelemetry that the program has set up. */
export const feature: Feature<NoConfig> = {
  name: "tracing",
  config: noConfig,
  module: () =>
    new ContainerModule(({ bind }) => {
      const { requests, dispatch } = new Tracing(packageVersion());
      bind(POINTS.middleware).toConstantValue({ name: "trace", order: MIDDLEWARE_ORDER.trace, handle: requests });
      bind(POINTS.middleware).toConstantValue({ name: "dispatch", order: MIDDLEWARE_ORDER.dispatch, handle: dispatch });
    }),
};
