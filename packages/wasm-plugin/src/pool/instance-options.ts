import type { PluginHostContext } from "@aspen/plugin-host";
import type { LoadedModule } from "../module-loader.js";
import type { ModuleEntry } from "../protocol/messages.js";
import type { PluginLog } from "../stacks/plugin-log.js";
import type { ComputeSlots } from "./compute-slots.js";
import type { InstanceCall } from "./sent-calls.js";

export interface InstanceOptions {
  plugin: string;
  loaded: LoadedModule;
  /** What is called when it is no plugin. @default null: a plugin */
  entry?: ModuleEntry | null;
  host: Pick<PluginHostContext, "grant" | "config" | "clock" | "invoke" | "reportDenied" | "countLocal">;
  log: Pick<PluginLog, "write">;
  memoryBytes: number;
  timeoutMs: number;
  graceMs: number;
  isolation: "instance" | "call";
  /** Most instances of the plugin; with 1, calls are never taken back for another instance. */
  maxInstances: number;
  /** A thread of the plugin could not be ended. */
  onStuck(): void;
  /** Turns at the processor, of which each instance holds one while it computes. */
  slots: ComputeSlots;
}

export interface InstanceEvents {
  /** There is room for more calls. */
  ready(): void;
  /** Calls that never began, taken back because the call before them takes long. */
  returned(calls: InstanceCall[]): void;
  /** The worker is gone. `unstarted` calls never began and may go elsewhere. */
  gone(unstarted: InstanceCall[]): void;
}
