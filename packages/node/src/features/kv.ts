import { type Feature, type KeyOwner, POINTS } from "@aspen/feature";
import type { KeyValueStore } from "@aspen/storage";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule } from "inversify";
import { KeyGuard } from "../handlers/key-guard.js";
import { kvHandler } from "../handlers/kv.js";
import { type NoConfig, noConfig } from "./no-config.js";

/** `kv.*`. */
export const feature: Feature<NoConfig> = {
  name: "kv",
  config: noConfig,
  module: () =>
    new ContainerModule(({ bind }) => {
      bind(POINTS.handlerFactory).toResolvedValue<[KeyValueStore, KeyOwner[] | undefined]>(
        (kv, owners) => kvHandler(kv, new KeyGuard(owners)),
        [STORAGE.kv, { serviceIdentifier: POINTS.keyOwner, isMultiple: true, optional: true }],
      );
    }),
};
