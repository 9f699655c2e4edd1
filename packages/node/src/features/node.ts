import { type Feature, NODE, POINTS } from "@aspen/feature";
import { RPC } from "@aspen/rpc-core/module";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule } from "inversify";
import { nodeHandler } from "../handlers/node.js";
import { type NoConfig, noConfig } from "./no-config.js";

/** `node.info` and `rpc.describe`. */
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
    }),
};
