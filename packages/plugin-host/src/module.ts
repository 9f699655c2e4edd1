import "reflect-metadata";
import type { Logger } from "@aspen/plugin-api";
import type { HandlerRegistry } from "@aspen/rpc-core";
import { RPC } from "@aspen/rpc-core/module";
import type { BlobStore, KeyValueStore } from "@aspen/storage";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { PluginInstaller } from "./installer/plugin-installer.js";
import type { OfficialPlugin } from "./official/official-plugin.js";
import { OfficialPlugins } from "./official/official-plugins.js";
import { type ConfiguredPlugin, ConfiguredPlugins } from "./plugin-store/configured-plugins.js";
import { PluginStore } from "./plugin-store/plugin-store.js";
import type { PluginRuntime } from "./runtime.js";
import type { SupervisorOptions } from "./supervisor/options.js";
import { PluginSupervisor } from "./supervisor/plugin-supervisor.js";
import { PluginStarter } from "./supervisor/starter.js";

export const PLUGIN_HOST = {
  /** To be bound by the module of each tier. */
  runtime: Symbol.for("@aspen/plugin-host PluginRuntime") as ServiceIdentifier<PluginRuntime>,
  /** To be bound by a feature that brings one, any number of them. */
  officialPlugin: Symbol.for("@aspen/plugin-host OfficialPlugin") as ServiceIdentifier<OfficialPlugin>,
  /** To be bound by a feature that takes plugins from the node's configuration, any number of them. */
  configuredPlugin: Symbol.for("@aspen/plugin-host ConfiguredPlugin") as ServiceIdentifier<ConfiguredPlugin>,
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
      .toResolvedValue(
        (kv: KeyValueStore, configured: ConfiguredPlugin[] | undefined) =>
          new PluginStore(kv, new ConfiguredPlugins(configured)),
        [STORAGE.kv, { isMultiple: true, serviceIdentifier: PLUGIN_HOST.configuredPlugin, optional: true }],
      )
      .inSingletonScope();
    bind(PLUGIN_HOST.supervisor)
      .toResolvedValue(
        (
          store: PluginStore,
          registry: HandlerRegistry,
          runtimes: PluginRuntime[] | undefined,
          kv: KeyValueStore,
          blobs: BlobStore,
          plugins: OfficialPlugin[] | undefined,
        ) => {
          const starter = new PluginStarter({
            runtimes: runtimes ?? [],
            kv,
            blobs,
            logger,
            configured: store.configured,
          });
          const official = new OfficialPlugins(plugins);
          return new PluginSupervisor({ store, starter, registry, official, logger }, supervisor);
        },
        [
          PLUGIN_HOST.store,
          RPC.registry,
          { isMultiple: true, serviceIdentifier: PLUGIN_HOST.runtime, optional: true },
          STORAGE.kv,
          STORAGE.blobs,
          { isMultiple: true, serviceIdentifier: PLUGIN_HOST.officialPlugin, optional: true },
        ],
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
