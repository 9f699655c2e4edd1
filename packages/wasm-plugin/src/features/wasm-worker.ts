import "reflect-metadata";
import { type Feature, given, NODE, POINTS } from "@aspen/feature";
import { LIMITS, type Logger } from "@aspen/plugin-api";
import type { PluginRuntime, PluginSupervisor } from "@aspen/plugin-host";
import { PLUGIN_HOST } from "@aspen/plugin-host/feature";
import type { HandlerRegistry } from "@aspen/rpc-core";
import { RPC } from "@aspen/rpc-core/module";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { z } from "zod";
import { PluginMethods } from "../jobs/plugin-methods.js";
import { WasmWorker } from "../jobs/wasm-worker.js";
import type { WasmPluginRuntime } from "../wasm-runtime.js";

const configSchema = z.strictObject({
  methods: z
    .array(z.string().min(1).max(256))
    .max(1000)
    .default(["*"])
    .describe("Methods of plugins that jobs may call, names and patterns such as greet.*; all of them."),
  maxMemoryBytes: z
    .int()
    .min(65_536)
    .max(LIMITS.memoryMax)
    .optional()
    .describe("Bytes of memory that a job with a module of its own may ask for; 1 GiB."),
  idleModules: z.int().min(0).max(100).optional().describe("Modules without a job that are kept ready; 8."),
  idleMs: z.int().min(1).max(3_600_000).optional().describe("Milliseconds for which they are; 60,000."),
});

/** `features.wasm-worker` of a node's configuration. */
export type WasmWorkerConfig = z.output<typeof configSchema>;

/** Runs jobs of the type `wasm`. */
export const feature: Feature<WasmWorkerConfig> = {
  name: "wasm-worker",
  requires: ["jobs", "plugins-wasm"],
  config: configSchema,
  module: ({ methods, ...options }) =>
    new ContainerModule(({ bind }) => {
      bind(POINTS.worker)
        .toResolvedValue<[PluginRuntime[], PluginSupervisor, HandlerRegistry, Logger]>(
          (runtimes, supervisor, registry, logger) => {
            // `plugins-wasm`, which this feature requires, has bound the only one of its tier.
            const runtime = runtimes.find(({ tier }) => tier === "wasm") as WasmPluginRuntime;
            const plugins = new PluginMethods(supervisor, registry, methods);
            return new WasmWorker({ runtime, plugins, logger }, given(options));
          },
          [
            { serviceIdentifier: POINTS.runtime as ServiceIdentifier<PluginRuntime>, isMultiple: true },
            PLUGIN_HOST.supervisor,
            RPC.registry,
            NODE.log,
          ],
        )
        .inSingletonScope();
    }),
};

export { AspenError, isAspenError } from "@aspen/plugin-api";
export { wasmJobErrors } from "../jobs/errors.js";
export { WasmWorker, type WasmWorkerOptions, type WasmWorkerParts } from "../jobs/wasm-worker.js";
