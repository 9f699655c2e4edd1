import "reflect-metadata";
import { type Feature, NODE, POINTS } from "@aspen/feature";
import { PRIORITY_RANGES } from "@aspen/rpc-core";
import { ContainerModule } from "inversify";
import { z } from "zod";
import { PLUGIN_HOST } from "../feature.js";
import { configuredPlugin } from "../native/configured-plugin.js";
import { NativePluginRuntime } from "../native/native-runtime.js";

const RANGES = [PRIORITY_RANGES.feature, PRIORITY_RANGES.extension, PRIORITY_RANGES.plugin];
const object = z.record(z.string(), z.unknown());

const pluginSchema = z
  .strictObject({
    folder: z.string().min(1).optional().describe("Folder of a plugin, with its plugin.json."),
    manifest: z
      .union([z.string().min(1), object])
      .optional()
      .describe("The manifest, or its path; plugin.json of the folder."),
    module: z
      .unknown()
      .optional()
      .describe("A plugin, or the path of a module that exports one; the manifest's entry."),
    config: object.optional().describe("What the plugin reads through `config`."),
    priority: z
      .int()
      .refine((priority) => RANGES.some(([from, to]) => priority >= from && priority <= to), {
        error: "must be from 500 to 699 or from 800 to 999",
      })
      .optional()
      .describe("Order among handlers, from 500 to 699 or 800 to 999; the manifest's."),
  })
  .refine(({ folder, manifest }) => folder !== undefined || manifest !== undefined, {
    error: "needs `folder` or `manifest`",
  });

const configSchema = z.strictObject({
  plugins: z.array(pluginSchema).max(64).default([]).describe("Plugins that run in the node's own process."),
});

/** `features.plugins-native` of a node's configuration. */
export type NativePluginsConfig = z.output<typeof configSchema>;

/**
 * Runs plugins in the node's own process: trusted code, from the node's configuration alone. The feature `plugins` ends the
 * tier.
 */
export const feature: Feature<NativePluginsConfig> = {
  name: "plugins-native",
  requires: ["plugins"],
  config: configSchema,
  async module({ plugins }) {
    const configured = await Promise.all(
      plugins.map((plugin, at) => configuredPlugin(`features.plugins-native.plugins[${at}]`, plugin)),
    );
    return new ContainerModule(({ bind }) => {
      bind(POINTS.runtime)
        .toResolvedValue(() => new NativePluginRuntime())
        .inSingletonScope();
      for (const plugin of configured) {
        bind(PLUGIN_HOST.configuredPlugin)
          .toResolvedValue((clock) => plugin(new Date(clock.now()).toISOString()), [NODE.clock])
          .inSingletonScope();
      }
    });
  },
};
