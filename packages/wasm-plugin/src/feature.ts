import "reflect-metadata";
import { type Feature, given, POINTS } from "@aspen/feature";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule } from "inversify";
import { z } from "zod";
import { WasmPluginRuntime } from "./wasm-runtime.js";

const MIB = 1024 * 1024;
const ms = (least: number) => z.int().min(least).max(3_600_000).optional();

const configSchema = z.strictObject({
  spareWorkers: z.int().min(0).max(64).optional().describe("Booted workers kept ready; 1."),
  graceMs: ms(0).describe("Milliseconds past its limit that a call has to stop by itself; 20."),
  scaleUpAfterMs: ms(0).describe("Milliseconds a call waits for a busy plugin before another instance starts; 5."),
  idleMs: ms(1).describe("Milliseconds after which an instance without calls is dropped; 60,000."),
  maxQueuedCalls: z.int().min(1).max(1_000_000).optional().describe("Calls that may wait for one plugin; 10,000."),
  maxQueuedBytes: z
    .int()
    .min(1024)
    .max(4096 * MIB)
    .optional()
    .describe("Bytes of requests that one plugin's calls may hold; 64 MiB."),
  startTimeoutMs: ms(1).describe("Milliseconds a worker has to boot, and then to load a plugin; 30,000."),
  compileMemoryBytes: z
    .int()
    .min(64 * MIB)
    .max(16_384 * MIB)
    .optional()
    .describe("Resident bytes of the process that compiles a plugin first; 512 MiB."),
  compileCpuMs: ms(1).describe("Milliseconds of processor time that compiling a plugin may take; 60,000."),
});

/** `features.plugins-wasm` of a node's configuration: what an operator may set of `WasmRuntimeOptions`. */
export type WasmPluginsConfig = z.output<typeof configSchema>;

/** Runs WASM plugins. The feature `plugins` ends the tier. */
export const feature: Feature<WasmPluginsConfig> = {
  name: "plugins-wasm",
  requires: ["plugins"],
  config: configSchema,
  module: (config) =>
    new ContainerModule(({ bind }) => {
      bind(POINTS.runtime)
        .toResolvedValue(
          ({ workerReader = null }) => new WasmPluginRuntime({ ...given(config), reader: workerReader }),
          [STORAGE.store],
        )
        .inSingletonScope();
    }),
};
