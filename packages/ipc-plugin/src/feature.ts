import { type Feature, given, POINTS } from "@aspen/feature";
import { ContainerModule } from "inversify";
import { z } from "zod";
import { IpcPluginRuntime } from "./ipc-runtime.js";

const ms = () => z.int().min(1).max(3_600_000).optional();

const configSchema = z.strictObject({
  startTimeoutMs: ms().describe("Milliseconds a process has until its handshake, and then to say what it is; 10,000."),
  stopTimeoutMs: ms().describe("Milliseconds a process has to end by itself before it is killed; 2,000."),
  graceMs: ms().describe("Milliseconds a process has to answer a health check after a call was given up; 2,000."),
  environment: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/))
    .max(64)
    .optional()
    .describe("Variables of the node's environment that plugins get beside PATH; none."),
});

/** `features.plugins-ipc` of a node's configuration. */
export type IpcPluginsConfig = z.output<typeof configSchema>;

/** Runs plugins in processes of their own. The feature `plugins` ends the tier. */
export const feature: Feature<IpcPluginsConfig> = {
  name: "plugins-ipc",
  requires: ["plugins"],
  config: configSchema,
  module: (config) =>
    new ContainerModule(({ bind }) => {
      bind(POINTS.runtime)
        .toDynamicValue(() => new IpcPluginRuntime(given(config)))
        .inSingletonScope();
    }),
};
