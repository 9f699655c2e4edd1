import "reflect-metadata";
import { accessMiddleware, type HandlerRegistry } from "@aspen/rpc-core";
import { RPC, rpcCoreModule } from "@aspen/rpc-core/module";
import type { Store } from "@aspen/storage";
import { STORAGE, storageModule } from "@aspen/storage/module";
import { Container, ContainerModule, type ServiceIdentifier } from "inversify";
import type { Logger } from "pino";
import { describeStore, type ResolvedNodeConfig } from "./config.js";
import { blobHandler } from "./handlers/blob.js";
import { kvHandler } from "./handlers/kv.js";
import { nodeHandler } from "./handlers/node.js";
import { InFlight } from "./in-flight.js";

export const NODE = {
  id: Symbol.for("@aspen/node id") as ServiceIdentifier<string>,
  config: Symbol.for("@aspen/node ResolvedNodeConfig") as ServiceIdentifier<ResolvedNodeConfig>,
  log: Symbol.for("@aspen/node Logger") as ServiceIdentifier<Logger>,
  inFlight: Symbol.for("@aspen/node InFlight") as ServiceIdentifier<InFlight>,
} as const;

/** What can be loaded into a node's container. */
export type NodeModule = ContainerModule;

export interface ContainerParts {
  id: string;
  config: ResolvedNodeConfig;
  log: Logger;
  store: Store;
  /** Loaded last, so that they may rebind anything. */
  modules: readonly NodeModule[];
}

/** The container of a node: storage, dispatch, the core handlers and what the features ask for. */
export async function composeContainer(parts: ContainerParts): Promise<Container> {
  const { id, config, log, store, modules } = parts;
  const inFlight = new InFlight();
  const container = new Container();
  const middleware = (registry: HandlerRegistry) => [inFlight.middleware, accessMiddleware(registry)];
  container.load(storageModule(store), rpcCoreModule({ middleware }), coreHandlersModule());
  container.bind(NODE.id).toConstantValue(id);
  container.bind(NODE.config).toConstantValue(config);
  container.bind(NODE.log).toConstantValue(log);
  container.bind(NODE.inFlight).toConstantValue(inFlight);
  if (config.features["plugins-wasm"]) {
    // Imported only now: a feature that is off costs nothing.
    const { pluginModules } = await import("./composition/plugins.js");
    container.load(...pluginModules(config, log, store));
  }
  await container.loadAsync(...modules);
  return container;
}

function coreHandlersModule(): NodeModule {
  return new ContainerModule(({ bind }) => {
    bind(RPC.handlerFactory).toResolvedValue(kvHandler, [STORAGE.kv]);
    bind(RPC.handlerFactory).toResolvedValue(blobHandler, [STORAGE.blobs]);
    bind(RPC.handlerFactory).toResolvedValue(
      (registry, id, config) => {
        const { features, safeMode } = config;
        return nodeHandler({ registry, id, store: describeStore(config), features, safeMode });
      },
      [RPC.registry, NODE.id, NODE.config],
    );
  });
}
