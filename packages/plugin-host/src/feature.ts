import "reflect-metadata";
import { type Clock, type Feature, given, type HostPort, NODE, POINTS } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import type { Dispatcher, HandlerRegistry } from "@aspen/rpc-core";
import { RPC } from "@aspen/rpc-core/module";
import type { KeyValueStore, Store } from "@aspen/storage";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { z } from "zod";
import { pluginErrors } from "./errors.js";
import type { HostPorts } from "./host-ports.js";
import { PluginInstaller } from "./installer/plugin-installer.js";
import type { OfficialPlugin } from "./official/official-plugin.js";
import { OfficialPlugins } from "./official/official-plugins.js";
import { PluginLogs } from "./plugin-logs/plugin-logs.js";
import { pluginMeter } from "./plugin-meter.js";
import { PluginMeters } from "./plugin-meters.js";
import { pluginReview } from "./plugin-review.js";
import { type ConfiguredPlugin, ConfiguredPlugins } from "./plugin-store/configured-plugins.js";

import { PluginStore } from "./plugin-store/plugin-store.js";
import { PluginsService } from "./plugins-service.js";
import type { PluginRuntime } from "./runtime.js";
import { PluginSupervisor } from "./supervisor/plugin-supervisor.js";
import { PluginStarter } from "./supervisor/starter.js";

export const PLUGIN_HOST = {
  /**
   * To be bound by a feature that brings one, any number of them; that is all it does. The node installs and updates them
   * at its start, and does not start when one cannot be there: {@link PluginInstaller.installOfficial}.
   */
  officialPlugin: Symbol.for("@aspen/plugin-host OfficialPlugin") as ServiceIdentifier<OfficialPlugin>,
  /** To be bound by a feature that takes plugins from the node's configuration, any number of them. */
  configuredPlugin: Symbol.for("@aspen/plugin-host ConfiguredPlugin") as ServiceIdentifier<ConfiguredPlugin>,
  store: Symbol.for("@aspen/plugin-host PluginStore") as ServiceIdentifier<PluginStore>,
  supervisor: Symbol.for("@aspen/plugin-host PluginSupervisor") as ServiceIdentifier<PluginSupervisor>,
  installer: Symbol.for("@aspen/plugin-host PluginInstaller") as ServiceIdentifier<PluginInstaller>,
  logs: Symbol.for("@aspen/plugin-host PluginLogs") as ServiceIdentifier<PluginLogs>,
} as const;

/** The tiers, by their whole contract. */
const RUNTIMES = {
  serviceIdentifier: POINTS.runtime as ServiceIdentifier<PluginRuntime>,
  isMultiple: true,
  optional: true,
} as const;

/** In the order of their features. */
const OFFICIAL = { serviceIdentifier: PLUGIN_HOST.officialPlugin, isMultiple: true, optional: true } as const;

type SupervisorParts = [
  PluginStore,
  HandlerRegistry,
  Store,
  PluginRuntime[] | undefined,
  HostPort[] | undefined,
  OfficialPlugin[] | undefined,
  PluginLogs,
  Logger,
  Clock,
  boolean,
  string,
];

const ms = (least: number) => z.int().min(least).max(3_600_000).optional();

const most = z.int().min(1).max(1_000_000_000).optional();

const limitsSchema = z.strictObject({
  callsPerSecond: most.describe("Requests that a plugin may begin to answer each second; 100,000."),
  concurrentCalls: most.describe("Requests that a plugin answers, or that wait for it, at once; 20,000."),
  hostCallsPerCall: most.describe("Host calls of one call of a plugin; 1,000,000."),
  kvOpsPerSecond: most.describe("Operations on keys of a plugin each second; 200,000."),
  kvBytesPerSecond: most.describe("Bytes of these operations each second; 512 MiB."),
  eventsPerSecond: most.describe("Events that a plugin emits each second; 5000."),
  requestsPerSecond: most.describe("HTTP requests that a plugin sends each second; 100."),
  concurrentRequests: most.describe("HTTP requests of a plugin that are awaited or open at once; 256."),
});

const configSchema = z.strictObject({
  limits: limitsSchema.optional().describe("What each plugin may do on this node."),
  pollMs: ms(1).describe("Milliseconds between looks at the store, should its watch miss a change; 5000."),
  healthMs: ms(1).describe("Milliseconds between two health checks of a plugin; 10,000."),
  healthTimeoutMs: ms(1).describe("Milliseconds that a health check has to answer; 10,000."),
  drainMs: ms(0).describe("Milliseconds that calls under way get when their plugin is replaced or stopped; 10,000."),
  retryMs: ms(1).describe(
    "Milliseconds after which a plugin that did not start is tried again; 1000, doubling to 60 s.",
  ),
  breakerFailures: z
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe("Traps and timeouts of a plugin in a row after which it is out of service; 10, 0 for never."),
  breakerMs: ms(1).describe("Milliseconds until one call of a plugin out of service is tried; 1000, doubling to 60 s."),
  startMs: ms(0).describe("Milliseconds that the start of a node waits for its plugins; 0, as calls wait for them."),
  suspectMs: ms(1).describe("Milliseconds that a plugin has to start of which a node may have died; 30,000."),
  logLines: z.int().min(1).max(100_000).optional().describe("Lines of each plugin's log that are kept; 1000."),
  logBytes: z
    .int()
    .min(1024)
    .max(64 * 1024 * 1024)
    .optional()
    .describe("Bytes of each plugin's log that are kept, as JSON; 262,144."),
  leaseMs: ms(100).describe("Milliseconds without a sign of life after which a starting node counts as dead; 10,000."),
});

/** `features.plugins` of a node's configuration. */
export type PluginsConfig = z.output<typeof configSchema>;

/** Keeps plugins in the store and runs them on the tiers that other features bind. */
export const feature: Feature<PluginsConfig> = {
  name: "plugins",
  config: configSchema,
  module: ({ logLines: maxLines, logBytes: maxBytes, limits, ...config }) =>
    new ContainerModule(({ bind }) => {
      // Known before any plugin is started; not a part of the supervisor, which a middleware of the dispatcher may have.
      let dispatcher: Dispatcher | undefined;
      const meters = new PluginMeters();
      for (const meter of meters.meters) bind(POINTS.meter).toConstantValue(meter);
      bind(PLUGIN_HOST.logs)
        .toResolvedValue(
          (nodeId, clock) => new PluginLogs({ nodeId, clock, ...given({ maxLines, maxBytes }) }),
          [NODE.id, NODE.clock],
        )
        .inSingletonScope();
      bind(PLUGIN_HOST.store)
        .toResolvedValue<[KeyValueStore, ConfiguredPlugin[] | undefined, Clock]>(
          (kv, configured, clock) => new PluginStore(kv, { configured: new ConfiguredPlugins(configured), clock }),
          [
            STORAGE.kv,
            { serviceIdentifier: PLUGIN_HOST.configuredPlugin, isMultiple: true, optional: true },
            NODE.clock,
          ],
        )
        .inSingletonScope();
      bind(PLUGIN_HOST.supervisor)
        .toResolvedValue<SupervisorParts>(
          (plugins, registry, store, runtimes, ports, official, logs, log, clock, safeMode, nodeId) => {
            const logger = logs.beside(log);
            const { kv, blobs, exclusive = false } = store;
            const { configured } = plugins;
            const starter = new PluginStarter({
              ...{ runtimes: runtimes ?? [], kv, blobs, logger, clock, configured, nodeId },
              ...{ ports: byName(ports ?? []), dispatcher: () => dispatcher, measures: meters, ...given({ limits }) },
            });
            const parts = {
              store: plugins,
              starter,
              registry,
              official: new OfficialPlugins(official),
              logger,
              meters,
            };
            return new PluginSupervisor(parts, { ...given(config), safeMode, soleNode: exclusive });
          },
          [
            PLUGIN_HOST.store,
            RPC.registry,
            STORAGE.store,
            RUNTIMES,
            { serviceIdentifier: POINTS.hostPort, isMultiple: true, optional: true },
            OFFICIAL,
            PLUGIN_HOST.logs,
            NODE.log,
            NODE.clock,
            NODE.safeMode,
            NODE.id,
          ],
        )
        .inSingletonScope();
      bind(PLUGIN_HOST.installer)
        .toResolvedValue(
          (store, blobs, supervisor, logs, log) =>
            new PluginInstaller({ store, blobs, supervisor, logger: logs.beside(log) }),
          [PLUGIN_HOST.store, STORAGE.blobs, PLUGIN_HOST.supervisor, PLUGIN_HOST.logs, NODE.log],
        )
        .inSingletonScope();
      bind(POINTS.service)
        .toResolvedValue(
          (
            supervisor,
            installer,
            official: OfficialPlugin[] | undefined = [],
            runtimes: PluginRuntime[] | undefined = [],
            found: Dispatcher,
          ) => {
            dispatcher = found;
            return new PluginsService({ supervisor, installer, official, runtimes });
          },
          [PLUGIN_HOST.supervisor, PLUGIN_HOST.installer, OFFICIAL, RUNTIMES, RPC.dispatcher],
        )
        .inSingletonScope();
      bind(POINTS.keyOwner).toResolvedValue(
        (supervisor) => ({ kvPrefixes: () => supervisor.kvPrefixes() }),
        [PLUGIN_HOST.supervisor],
      );
      bind(POINTS.callerReview).toResolvedValue((supervisor) => pluginReview(supervisor), [PLUGIN_HOST.supervisor]);
      bind(POINTS.meter).toResolvedValue((supervisor) => pluginMeter(supervisor), [PLUGIN_HOST.supervisor]);
    }),
};

/** @throws AspenError `CONFIG_INVALID` when two ports have one name */
function byName(ports: readonly HostPort[]): Partial<HostPorts> {
  const table = new Map<string, unknown>();
  for (const { name, service } of ports) {
    if (table.has(name)) throw pluginErrors.portTaken(name);
    table.set(name, service);
  }
  return Object.fromEntries(table);
}
