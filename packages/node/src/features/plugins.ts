import { type Feature, POINTS } from "@aspen/feature";
import { PLUGIN_HOST, type PluginsConfig, feature as pluginHost } from "@aspen/plugin-host/feature";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule } from "inversify";
import { pluginHandlerFactory } from "../handlers/plugin.js";

/** `plugin.*` beside what runs the plugins. */
export const feature: Feature<PluginsConfig> = {
  ...pluginHost,
  module: (config) =>
    new ContainerModule(async (options) => {
      await (await pluginHost.module(config)).load(options);
      const parts = [PLUGIN_HOST.installer, PLUGIN_HOST.supervisor, PLUGIN_HOST.logs, STORAGE.kv] as const;
      options.bind(POINTS.handlerFactory).toResolvedValue(pluginHandlerFactory, [...parts]);
    }),
};
