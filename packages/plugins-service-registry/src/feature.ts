import "reflect-metadata";
import type { Feature } from "@aspen/feature";
import { readOfficialPlugin } from "@aspen/plugin-host";
import { PLUGIN_HOST } from "@aspen/plugin-host/feature";
import { ContainerModule } from "inversify";
import { z } from "zod";
import { reservedPrefixes } from "./reserved-prefixes.js";

const configSchema = z.strictObject({});

/** `features.service-registry` of a node's configuration. */
export type ServiceRegistryConfig = z.output<typeof configSchema>;

/** Brings the official plugin `service-registry`; the node installs and updates it. */
export const feature: Feature<ServiceRegistryConfig> = {
  name: "service-registry",
  requires: ["plugins-wasm"],
  config: configSchema,
  async module() {
    // The same folder for src/feature.ts and dist/feature.js.
    const folder = new URL("../dist/plugin/", import.meta.url);
    const plugin = await readOfficialPlugin({ feature: "service-registry", folder, reservedPrefixes });
    return new ContainerModule(({ bind }) => {
      bind(PLUGIN_HOST.officialPlugin).toConstantValue(plugin);
    });
  },
};
