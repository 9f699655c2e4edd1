import "reflect-metadata";
import { type Clock, MIDDLEWARE_ORDER, NODE, POINTS } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import { accessMiddleware, type HandlerRegistry, inOrder } from "@aspen/rpc-core";
import { rpcCoreModule } from "@aspen/rpc-core/module";
import type { Store } from "@aspen/storage";
import { storageModule } from "@aspen/storage/module";
import { Container, type ContainerModule, type ServiceIdentifier } from "inversify";
import type { AuthSettings, RateLimitSettings } from "../config/auth-config.js";
import type { TlsFiles } from "../http/tls.js";
import { FeatureBindings } from "./feature-bindings.js";
import { featureStep } from "./feature-step.js";
import { NODE_PARTS } from "./node-parts.js";
import type { SelectedFeature } from "./select-features.js";

export interface ContainerParts {
  id: string;
  log: Logger;
  clock: Clock;
  safeMode: boolean;
  auth: AuthSettings;
  /** `listen.tls` of the configuration. @default the node speaks no TLS */
  tls?: TlsFiles | undefined;
  /** @default no limit */
  rateLimit?: RateLimitSettings | undefined;
  store: Store;
  /** In the order of their start. */
  features: readonly SelectedFeature[];
  /** The node's own part: what is wrong with it is said as it is. */
  front: ContainerModule;
  /** Every feature that is known, and whether it is on. */
  flags: Readonly<Record<string, boolean>>;
  /** Longest time that the module of one feature may take, in milliseconds. */
  limitMs: number;
}

export interface Composition {
  container: Container;
  bindings: FeatureBindings;
}

/** The container of a node: what the node gives, and what its features bind. @throws AspenError naming the feature */
export async function composeContainer(parts: ContainerParts): Promise<Composition> {
  const bindings = new FeatureBindings();
  const container = new Container();
  const middleware = (registry: HandlerRegistry) => {
    const access = { name: "access", order: MIDDLEWARE_ORDER.access, handle: accessMiddleware(registry) };
    return inOrder([access, ...boundTo(container, POINTS.middleware)]);
  };
  container.load(storageModule(parts.store), rpcCoreModule({ middleware }));
  container.bind(NODE.id).toConstantValue(parts.id);
  container.bind(NODE.log).toConstantValue(parts.log);
  container.bind(NODE.clock).toConstantValue(parts.clock);
  container.bind(NODE.features).toConstantValue(parts.flags);
  container.bind(NODE_PARTS.auth).toConstantValue(parts.auth);
  container.bind(NODE_PARTS.tls).toConstantValue(parts.tls ?? null);
  container.bind(NODE.safeMode).toConstantValue(parts.safeMode);
  for (const { feature, config } of parts.features) {
    const step = { feature: feature.name, step: "module", limitMs: parts.limitMs };
    await featureStep(step, async () => container.loadAsync(bindings.of(feature.name, await feature.module(config))));
  }
  if (parts.rateLimit) {
    // Its package is for those who set a limit.
    const { rateLimitModule } = await import("../features/rate-limit.js");
    container.load(rateLimitModule(parts.rateLimit));
  }
  await container.loadAsync(parts.front);
  return { container, bindings };
}

/** Everything that is bound to a point, in the order of the features. */
export function boundTo<T>(container: Container, point: ServiceIdentifier<T>): T[] {
  return container.isBound(point) ? container.getAll(point) : [];
}
