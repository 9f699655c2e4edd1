import "reflect-metadata";
import type { Logger } from "@aspen/plugin-api";
import { RPC } from "@aspen/rpc-core/module";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { PluginInstaller } from "./installer/plugin-installer.js";
import { PluginStore } from "./plugin-store/plugin-store.js";
import type { PluginRuntime } from "./runtime.js";
import type { SupervisorOptions } from "./supervisor/options.js";
import { PluginSupervisor } from "./supervisor/plugin-supervisor.js";
import { PluginStarter } from "./supervisor/starter.js";

export const PLUGIN_HOST = {
  /** To be bound by the module of a tier. */
  runtime: Symbol.for("@aspen/plugin-host PluginRuntime") as ServiceIdentifier<PluginRuntime>,
  store: Symbol.for("@aspen/plugin-host PluginStore") as ServiceIdentifier<PluginStore>,
  supervisor: Symbol.for("@aspen/plugin-host PluginSupervisor") as ServiceIdentifier<PluginSupervisor>,
  installer: Symbol.for("@aspen/plugin-host PluginInstaller") as ServiceIdentifier<PluginInstaller>,
} as const;

export interface PluginHostModuleOptions {
  logger: Logger;
  supervisor?: SupervisorOptions;
}

/** Binds the plugin store, the supervisor and the installer, over the storage, the handler registry and a runtime. */
export function pluginHostModule({ logger, supervisor = {} }: PluginHostModuleOptions): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(PLUGIN_HOST.store)
      .toResolvedValue((kv) => new PluginStore(kv), [STORAGE.kv])
      .inSingletonScope();
    bind(PLUGIN_HOST.supervisor)
      .toResolvedValue(
        (store, registry, runtime, kv, blobs) => {
          const starter = new PluginStarter({ runtime, kv, blobs, logger });
          return new PluginSupervisor({ store, starter, registry, logger }, supervisor);
        },
        [PLUGIN_HOST.store, RPC.registry, PLUGIN_HOST.runtime, STORAGE.kv, STORAGE.blobs],
      )
      .inSingletonScope();
    bind(PLUGIN_HOST.installer)
      .toResolvedValue(
        (store, blobs, supervisor) => new PluginInstaller({ store, blobs, supervisor, logger }),
        [PLUGIN_HOST.store, STORAGE.blobs, PLUGIN_HOST.supervisor],
      )
      .inSingletonScope();
  });
}
