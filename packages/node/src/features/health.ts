import { type Feature, type HealthCheck, POINTS } from "@aspen/feature";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule } from "inversify";
import { JSON_TYPE } from "../http/error-body.js";
import { page } from "../http/page.js";
import { HealthChecks } from "../observe/health-checks.js";
import { type NoConfig, noConfig } from "./no-config.js";

/** Nothing is there; reading it takes the way of every read. */
const PROBE_KEY = "__sys:health";

/** `GET /readyz`: 200 when every part of the node can do its work, 503 otherwise, with what each said. */
export const feature: Feature<NoConfig> = {
  name: "health",
  config: noConfig,
  module: () =>
    new ContainerModule(({ bind }) => {
      bind(POINTS.healthCheck).toResolvedValue(
        (kv) => ({
          name: "store",
          check: async () => {
            await kv.get(PROBE_KEY);
            return { state: "healthy" as const };
          },
        }),
        [STORAGE.kv],
      );
      bind(POINTS.httpMount)
        .toResolvedValue(
          (all: HealthCheck[]) => {
            const health = new HealthChecks(all);
            return page("/readyz", "public", async () => {
              const checks = await health.ask();
              const ready = checks.every(({ state }) => state === "healthy");
              const body = JSON.stringify({ status: ready ? "ready" : "degraded", checks });
              return { status: ready ? 200 : 503, type: JSON_TYPE, body };
            });
          },
          [{ serviceIdentifier: POINTS.healthCheck, isMultiple: true }],
        )
        .inSingletonScope();
    }),
};
