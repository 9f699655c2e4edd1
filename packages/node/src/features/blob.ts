import { type Feature, POINTS } from "@aspen/feature";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule } from "inversify";
import { blobHandler } from "../handlers/blob.js";
import { type NoConfig, noConfig } from "./no-config.js";

/** `blob.*`. */
export const feature: Feature<NoConfig> = {
  name: "blob",
  config: noConfig,
  module: () =>
    new ContainerModule(({ bind }) => {
      bind(POINTS.handlerFactory).toResolvedValue(blobHandler, [STORAGE.blobs]);
    }),
};
