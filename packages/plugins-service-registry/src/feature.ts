import "reflect-metadata";
import { type Authenticator, type Feature, NODE, POINTS } from "@aspen/feature";
import { readOfficialPlugin } from "@aspen/plugin-host";
import { PLUGIN_HOST } from "@aspen/plugin-host/feature";
import { type Dispatcher, inProcessClient, nodeCaller } from "@aspen/rpc-core";
import { RPC } from "@aspen/rpc-core/module";
import type { KeyValueStore } from "@aspen/storage";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { LazyConsulMount } from "./consul/lazy-mount.js";
import { Sessions } from "./consul/sessions.js";
import { watchHandler } from "./handlers/watch.js";
import { configSchema, type ServiceRegistryConfig } from "./options.js";
import { OwnRegistration } from "./own-registration.js";
import { Prober } from "./probes/prober.js";
import { RegistryService } from "./registry-service.js";
import { reservedPrefixes } from "./reserved-prefixes.js";
import { ServiceView } from "./view/service-view.js";

export type { ServiceRegistryConfig } from "./options.js";

export const SERVICE_REGISTRY = {
  view: Symbol.for("@aspen/plugins-service-registry ServiceView") as ServiceIdentifier<ServiceView>,
  service: Symbol.for("@aspen/plugins-service-registry RegistryService") as ServiceIdentifier<RegistryService>,
} as const;

/** Brings the official plugin `service-registry`, watches of services, Consul's API, and the DNS. */
export const feature: Feature<ServiceRegistryConfig> = {
  name: "service-registry",
  requires: ["plugins-wasm"],
  config: configSchema,
  async module(config) {
    // The same folder for src/feature.ts and dist/feature.js.
    const folder = new URL("../dist/plugin/", import.meta.url);
    const plugin = await readOfficialPlugin({ feature: "service-registry", folder, reservedPrefixes });
    return new ContainerModule(({ bind }) => {
      bind(PLUGIN_HOST.officialPlugin).toConstantValue(plugin);
      bind(SERVICE_REGISTRY.view)
        .toResolvedValue((kv, logger) => new ServiceView(kv, logger), [STORAGE.kv, NODE.log])
        .inSingletonScope();
      bind(POINTS.handlerFactory).toResolvedValue((view) => watchHandler(view), [SERVICE_REGISTRY.view]);
      bind(SERVICE_REGISTRY.service)
        .toResolvedValue(
          (view, kv, dispatcher, logger, id) => {
            const client = inProcessClient(dispatcher, { caller: nodeCaller(id) });
            const parts = { kv, view, client, logger, sessions: new Sessions(kv), owner: id };
            const prober = config.checks ? new Prober(parts) : null;
            return new RegistryService({ view, prober, config, logger });
          },
          [SERVICE_REGISTRY.view, STORAGE.kv, RPC.dispatcher, NODE.log, NODE.id],
        )
        .inSingletonScope();
      bind(POINTS.service).toService(SERVICE_REGISTRY.service);
      if (config.registerNode) {
        bind(POINTS.service)
          .toResolvedValue(
            (id, url, dispatcher, logger, safeMode) =>
              new OwnRegistration({
                ...{ id, url, logger, enabled: !safeMode },
                client: inProcessClient(dispatcher, { caller: nodeCaller(id) }),
              }),
            [NODE.id, NODE.url, RPC.dispatcher, NODE.log, NODE.safeMode],
          )
          .inSingletonScope();
      }
      if (!config.consul) return;
      bind(POINTS.httpMount)
        .toResolvedValue<[ServiceView, KeyValueStore, Dispatcher, string, Authenticator[] | undefined]>(
          (view, kv, dispatcher, url, authenticators) => {
            const { node, datacenter } = config;
            const address = config.address ?? new URL(url).hostname.replace(/^\[|\]$/g, "");
            return new LazyConsulMount(
              {
                ...{ view, kv, sessions: new Sessions(kv), self: { node, datacenter, address } },
                clientOf: (caller) => inProcessClient(dispatcher, { caller }),
              },
              authenticators ?? [],
            );
          },
          [
            ...([SERVICE_REGISTRY.view, STORAGE.kv, RPC.dispatcher, NODE.url] as const),
            { serviceIdentifier: POINTS.authenticator, isMultiple: true, optional: true },
          ],
        )
        .inSingletonScope();
    });
  },
};
