import "reflect-metadata";
import { type Clock, MIDDLEWARE_ORDER, NODE, POINTS } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import { accessMiddleware, type HandlerRegistry } from "@aspen/rpc-core";
import { rpcCoreModule } from "@aspen/rpc-core/module";
import type { Store } from "@aspen/storage";
import { storageModule } from "@aspen/storage/module";
import { Container, type ServiceIdentifier } from "inversify";
import { nodeErrors } from "../errors.js";
import type { SelectedFeature } from "./select-features.js";

export interface ContainerParts {
  id: string;
  log: Logger;
  clock: Clock;
  safeMode: boolean;
  store: Store;
  /** In the order of their start. */
  features: readonly SelectedFeature[];
  /** Every feature that is known, and whether it is on. */
  flags: Readonly<Record<string, boolean>>;
}

/** The container of a node: what the node gives, and what its features bind. */
export async function composeContainer(parts: ContainerParts): Promise<Container> {
  const container = new Container();
  const middleware = (registry: HandlerRegistry) => {
    const access = { name: "access", order: MIDDLEWARE_ORDER.access, handle: accessMiddleware(registry) };
    const all = [access, ...boundTo(container, POINTS.middleware)];
    return all.sort((one, other) => one.order - other.order).map(({ handle }) => handle);
  };
  container.load(storageModule(parts.store), rpcCoreModule({ middleware }));
  container.bind(NODE.id).toConstantValue(parts.id);
  container.bind(NODE.log).toConstantValue(parts.log);
  container.bind(NODE.clock).toConstantValue(parts.clock);
  container.bind(NODE.features).toConstantValue(parts.flags);
  container.bind(NODE.safeMode).toConstantValue(parts.safeMode);
  for (const { feature, config } of parts.features) {
    try {
      await container.loadAsync(await feature.module(config));
    } catch (error) {
      throw nodeErrors.featureBroken(feature.name, "module", error);
    }
  }
  return container;
}

/** Everything that is bound to a point, in the order of the features. */
export function boundTo<T>(container: Container, point: ServiceIdentifier<T>): T[] {
  return container.isBound(point) ? container.getAll(point) : [];
}
