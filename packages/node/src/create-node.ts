import { randomUUID } from "node:crypto";
import { type Clock, type Feature, type Meter, POINTS, systemClock } from "@aspen/feature";
import { thrownError } from "@aspen/plugin-api";
import { RPC } from "@aspen/rpc-core/module";
import type { Store } from "@aspen/storage";
import { openStore } from "@aspen/storage/open";
import type { Logger } from "pino";
import { AspenNode } from "./aspen-node.js";
import { Cleanup } from "./cleanup.js";
import { boundTo, composeContainer } from "./composition/container.js";
import { featureStep } from "./composition/feature-step.js";
import { Services } from "./composition/services.js";
import { checkTools, toolsOf } from "./composition/tools.js";
import type { NodeConfig } from "./config/node-config.js";
import { resolveConfig, storeLocation } from "./config/resolve-config.js";
import { frontModule } from "./features/http.js";
import { HttpFront } from "./http/http-front.js";
import type { Lookup } from "./http/listeners.js";
import { createLog } from "./log.js";
import { loggedDefects } from "./logged-defects.js";

export interface CreateNodeOptions {
  config?: NodeConfig;
  /** A store that is open, and stays so: whoever opened it closes it, after the node. @default the one that `config` names */
  store?: Store;
  /** Features of your own, beside those that `config.features` turns on. @default [] */
  features?: readonly Feature[];
  /** Where the log goes. @default JSON lines on stderr */
  log?: Logger;
  /** The time of day, for features, and what plugins get of `clock.now()`. @default the system's */
  clock?: Clock;
  /** Finds the addresses of `listen.host` when that is a name; the node listens on each. @default the system's */
  lookup?: Lookup;
}

/**
 * Starts a node. It takes its port first and answers there that it is starting, then opens the store, asks for the
 * programs that its features need, loads the features and starts their services. When it throws, nothing is left open.
 *
 * @throws AspenError `CONFIG_INVALID` naming the field, `STORE_UNAVAILABLE`, `TOOL_MISSING`, and with the name of the
 * feature `FEATURE_FAILED` or the code that it threw
 */
export async function createNode(options: CreateNodeOptions): Promise<AspenNode> {
  const config = await resolveConfig(options.config ?? {}, options);
  const log = options.log ?? createLog(config.logLevel);
  const cleanup = new Cleanup();
  try {
    const { serviceStartMs, drainMs, ...frontLimits } = config.limits;
    const { requestTimeoutMs } = frontLimits;
    const front = await HttpFront.open({
      listen: config.listen,
      lookup: options.lookup,
      log,
      ...frontLimits,
      auth: config.auth,
    });
    cleanup.add(() => front[Symbol.asyncDispose]());
    const onWarning = (warning: string) => log.warn(warning);
    const opened = options.store ?? (await openStore(storeLocation(config), { onWarning }));
    if (!options.store) cleanup.add(() => opened[Symbol.asyncDispose]());
    const { features, flags, safeMode, auth, rateLimit } = config;
    const { store, meters } = flags.metrics ? await measured(opened) : { store: opened, meters: [] };
    await checkTools(features.flatMap(toolsOf));
    const id = randomUUID();
    const clock = options.clock ?? systemClock;
    const { container, bindings } = await composeContainer({
      ...{ id, log, clock, safeMode, auth, tls: config.listen.tls, rateLimit, store, features, flags },
      front: frontModule(front, requestTimeoutMs, meters),
      limitMs: serviceStartMs,
    });
    const limits = { startMs: serviceStartMs, drainMs };
    const services = new Services(boundTo(container, POINTS.service), { ...limits, log });
    cleanup.add(() => services[Symbol.asyncDispose]());
    const registry = container.get(RPC.registry);
    for (const factory of boundTo(container, POINTS.handlerFactory)) {
      const feature = bindings.featureOf(factory);
      await featureStep({ feature, step: `handler ${factory.name}`, limitMs: serviceStartMs }, async () => {
        const handler = await factory.create();
        if (handler) registry.register(handler);
      });
    }
    await services.start();
    const { url } = front;
    log.info({ url, id, store: store.address ?? "custom" }, "node ready");
    return new AspenNode(id, url, loggedDefects(container.get(RPC.dispatcher), log), cleanup, log);
  } catch (error) {
    // What closing it says is less than why it is closed.
    await cleanup[Symbol.asyncDispose]().catch((left: unknown) =>
      log.warn({ err: thrownError(left) }, "a failed start left something open"),
    );
    throw error;
  }
}

/** The store, and what is measured of it. */
async function measured(opened: Store): Promise<{ store: Store; meters: readonly Meter[] }> {
  const { measuredStore, StoreMeters } = await import("./observe/measured-store.js");
  const measures = new StoreMeters();
  return { store: measuredStore(opened, measures), meters: measures.meters };
}
