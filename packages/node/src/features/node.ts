import { type Feature, NODE, POINTS } from "@aspen/feature";
import { RPC } from "@aspen/rpc-core/module";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule } from "inversify";
import { nodeHandler } from "../handlers/node.js";
import { JSON_TYPE } from "../http/error-body.js";
import { page } from "../http/page.js";
import { packageVersion } from "../package-version.js";
import { type NoConfig, noConfig } from "./no-config.js";

/** `node.info`, `rpc.describe` and `GET /openapi.json`. */
export const feature: Feature<NoConfig> = {
  name: "node",
  config: noConfig,
  module: () =>
    new ContainerModule(({ bind }) => {
      bind(POINTS.handlerFactory).toResolvedValue(
        (registry, id, { address = "custom" }, features, safeMode) =>
          nodeHandler({ registry, id, store: address, features, safeMode }),
        [RPC.registry, NODE.id, STORAGE.store, NODE.features, NODE.safeMode],
      );
      bind(POINTS.httpMount).toResolvedValue(
        (registry) =>
          page("/openapi.json", "caller", async () => {
            const { openApi } = await import("../http/openapi.js");
            return {
              status: 200,
              type: JSON_TYPE,
              body: JSON.stringify(openApi(registry.describe(), packageVersion())),
            };
          }),
        [RPC.registry],
      );
    }),
};
