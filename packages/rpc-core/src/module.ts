import "reflect-metadata";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { Dispatcher, type DispatcherOptions } from "./dispatcher.js";
import type { HandlerFactory } from "./handler.js";
import { HandlerRegistry } from "./registry.js";

export const RPC = {
  registry: Symbol.for("@aspen/rpc-core HandlerRegistry") as ServiceIdentifier<HandlerRegistry>,
  dispatcher: Symbol.for("@aspen/rpc-core Dispatcher") as ServiceIdentifier<Dispatcher>,
  /** Bind any number: whoever composes the node creates a handler of each and registers it. */
  handlerFactory: Symbol.for("@aspen/rpc-core HandlerFactory") as ServiceIdentifier<HandlerFactory>,
} as const;

/** Binds one registry and one dispatcher over it. */
export function rpcCoreModule(options: Omit<DispatcherOptions, "registry"> = {}): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(RPC.registry).toConstantValue(new HandlerRegistry());
    bind(RPC.dispatcher)
      .toDynamicValue((context) => new Dispatcher({ ...options, registry: context.get(RPC.registry) }))
      .inSingletonScope();
  });
}
