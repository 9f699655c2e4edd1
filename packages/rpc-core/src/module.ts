import "reflect-metadata";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { Dispatcher } from "./dispatcher.js";
import type { Middleware } from "./middleware/middleware.js";
import { HandlerRegistry } from "./registry.js";

export const RPC = {
  registry: Symbol.for("@aspen/rpc-core HandlerRegistry") as ServiceIdentifier<HandlerRegistry>,
  dispatcher: Symbol.for("@aspen/rpc-core Dispatcher") as ServiceIdentifier<Dispatcher>,
} as const;

export interface RpcCoreModuleOptions {
  /** Outermost first; made for the registry that is bound. @default none */
  middleware?(registry: HandlerRegistry): readonly Middleware[];
}

/** Binds one registry and one dispatcher over it. */
export function rpcCoreModule({ middleware = () => [] }: RpcCoreModuleOptions = {}): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(RPC.registry).toConstantValue(new HandlerRegistry());
    bind(RPC.dispatcher)
      .toResolvedValue((registry) => new Dispatcher({ registry, middleware: middleware(registry) }), [RPC.registry])
      .inSingletonScope();
  });
}
