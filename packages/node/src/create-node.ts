import { randomUUID } from "node:crypto";
import { inProcessClient } from "@aspen/rpc-core";
import { RPC } from "@aspen/rpc-core/module";
import type { Logger } from "pino";
import { AspenNode } from "./aspen-node.js";
import { Cleanup } from "./cleanup.js";
import { describeStore, type NodeConfig, resolveConfig } from "./config.js";
import { Closing } from "./http/closing.js";
import { httpFront } from "./http/front.js";
import { listen } from "./http/listen.js";
import { createLog } from "./log.js";
import { loggedDefects } from "./logged-defects.js";
import { composeContainer, NODE, type NodeModule } from "./module.js";
import { openStore } from "./open-store.js";

export interface CreateNodeOptions {
  /** Further modules: handler factories of your own, or bindings that replace the node's. @default [] */
  modules?: readonly NodeModule[];
  /** Where the log goes. @default JSON lines on stderr */
  log?: Logger;
}

/**
 * Starts a node: store, handlers, plugins, HTTP front. When it throws, nothing is left open.
 *
 * @throws AspenError `CONFIG_INVALID` naming the field, `STORE_UNAVAILABLE`
 */
export async function createNode(input: NodeConfig, options: CreateNodeOptions = {}): Promise<AspenNode> {
  const config = resolveConfig(input);
  const log = options.log ?? createLog(config.logLevel);
  const cleanup = new Cleanup();
  try {
    const store = await openStore(config, log);
    cleanup.add(() => store[Symbol.asyncDispose]());
    const id = randomUUID();
    const container = await composeContainer({ id, config, log, store, modules: options.modules ?? [] });
    const registry = container.get(RPC.registry);
    for (const factory of container.getAll(RPC.handlerFactory)) {
      const handler = await factory.create();
      if (handler) registry.register(handler);
    }
    if (config.features["plugins-wasm"]) {
      const { startPlugins } = await import("./composition/plugins.js");
      await startPlugins(container, cleanup);
    }
    const dispatcher = container.get(RPC.dispatcher);
    const { bodyBytes, requestTimeoutMs, drainMs } = config.limits;
    const server = httpFront({ dispatcher, log, bodyBytes, requestTimeoutMs });
    const closing = new Closing(server);
    cleanup.add(() => closing.finish());
    const url = await listen(server, config.listen);
    const inFlight = container.get(NODE.inFlight);
    cleanup.add(async () => {
      closing.begin();
      if (!(await inFlight.drain(drainMs))) log.warn({ calls: inFlight.count }, "stopping with calls under way");
    });
    log.info({ url, id, store: describeStore(config) }, "node ready");
    return new AspenNode(id, url, inProcessClient(loggedDefects(dispatcher, log)), cleanup, log);
  } catch (error) {
    await cleanup[Symbol.asyncDispose]();
    throw error;
  }
}
