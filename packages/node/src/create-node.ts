import { randomUUID } from "node:crypto";
import { RPC } from "@aspen/rpc-core/module";
import { openStore } from "@aspen/storage/open";
import type { Logger } from "pino";
import { AspenNode } from "./aspen-node.js";
import { Cleanup } from "./cleanup.js";
import { describeStore, type NodeConfig, resolveConfig } from "./config.js";
import { HttpFront } from "./http/http-front.js";
import type { Lookup } from "./http/listeners.js";
import type { InFlight } from "./in-flight.js";
import { createLog } from "./log.js";
import { loggedDefects } from "./logged-defects.js";
import { composeContainer, NODE, type NodeModule } from "./module.js";

export interface CreateNodeOptions {
  /** Further modules: handler factories of your own, or bindings that replace the node's. @default [] */
  modules?: readonly NodeModule[];
  /** Where the log goes. @default JSON lines on stderr */
  log?: Logger;
  /** Finds the addresses of `listen.host` when that is a name; the node listens on each. @default the system's */
  lookup?: Lookup;
}

/**
 * Starts a node. It takes its port first and answers there that it is starting, then opens the store, then starts handlers
 * and plugins. When it throws, nothing is left open.
 *
 * @throws AspenError `CONFIG_INVALID` naming the field, `STORE_UNAVAILABLE`
 */
export async function createNode(input: NodeConfig, options: CreateNodeOptions = {}): Promise<AspenNode> {
  const config = resolveConfig(input);
  const log = options.log ?? createLog(config.logLevel);
  const cleanup = new Cleanup();
  try {
    const { bodyBytes, requestTimeoutMs, drainMs } = config.limits;
    const { listen } = config;
    const front = await HttpFront.open({ listen, lookup: options.lookup, log, bodyBytes, requestTimeoutMs });
    cleanup.add(() => front[Symbol.asyncDispose]());
    const store = await openStore(config, { onWarning: (warning) => log.warn(warning) });
    cleanup.add(() => store[Symbol.asyncDispose]());
    const id = randomUUID();
    const container = await composeContainer({ id, config, log, store, modules: options.modules ?? [] });
    const plugins = config.features["plugins-wasm"] ? await import("./composition/plugins.js") : null;
    plugins?.ownPlugins(container, cleanup);
    const registry = container.get(RPC.registry);
    for (const factory of container.getAll(RPC.handlerFactory)) {
      const handler = await factory.create();
      if (handler) registry.register(handler);
    }
    await plugins?.startPlugins(container);
    const dispatcher = container.get(RPC.dispatcher);
    const inFlight = container.get(NODE.inFlight);
    cleanup.add(() => stopAnswering({ front, inFlight, drainMs, log }));
    front.serve(dispatcher);
    const { url } = front;
    log.info({ url, id, store: describeStore(config) }, "node ready");
    return new AspenNode(id, url, loggedDefects(dispatcher, log), cleanup, log);
  } catch (error) {
    // What closing it says is less than why it is closed.
    await cleanup[Symbol.asyncDispose]().catch((err: unknown) =>
      log.warn({ err }, "a failed start left something open"),
    );
    throw error;
  }
}

interface Answering {
  front: HttpFront;
  inFlight: InFlight;
  drainMs: number;
  log: Logger;
}

/** Lets requests end, at most `drainMs`, then closes the front. */
async function stopAnswering({ front, inFlight, drainMs, log }: Answering): Promise<void> {
  const started = performance.now();
  const requests = await front.drain(inFlight.underWay(), drainMs);
  const ended = await inFlight.drain(Math.max(0, drainMs - (performance.now() - started)));
  if (!ended || requests > 0) log.warn({ calls: inFlight.count, requests }, "stopping with calls under way");
  await front[Symbol.asyncDispose]();
}
