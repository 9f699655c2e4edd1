import { type Feature, POINTS } from "@aspen/feature";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule } from "inversify";
import { kvHandler } from "../handlers/kv.js";
import { type NoConfig, noConfig } from "./no-config.js";

/** `kv.*`. */
export const feature: Feature<NoConfig> = {
  name: "kv",
  config: noConfig,
  module: () =>
    new ContainerModule(({ bind }) => {
      bind(POINTS.handlerFactory).toResolvedValue(kvHandler, [STORAGE.kv]);
    }),
};
