import { POINTS } from "@aspen/feature";
import { type Method, method, methodsHandler, type RequestContext } from "@aspen/rpc-core";
import type { Store } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { ContainerModule } from "inversify";
import { z } from "zod";
import { type AspenNode, createNode, type NodeConfig } from "../src/index.js";
import { featureOf } from "./support.js";

/** A store in memory that several nodes of this process share. */
export function sharedStore(): Store {
  const { kv, blobs } = new MemoryStore();
  return { kv, blobs, [Symbol.asyncDispose]: async () => undefined };
}

export const methodOf = (handle: (params: unknown, context: RequestContext) => unknown, safe = false): Method =>
  method({ summary: "", params: z.unknown(), safe, handle: (params, context) => handle(params, context) });

/** A node with methods of its own on a store that others have too. */
export function startMember(
  store: Store,
  methods: Readonly<Record<string, Method>> = {},
  cluster: Readonly<Record<string, unknown>> = {},
  config: NodeConfig = {},
): Promise<AspenNode> {
  const create = () => methodsHandler({ name: "test", priority: 500, methods });
  const module = new ContainerModule(({ bind }) => {
    bind(POINTS.handlerFactory).toConstantValue({ name: "test", priority: 500, create });
  });
  return createNode({
    store,
    features: [featureOf(module)],
    config: {
      listen: { port: 0 },
      logLevel: "silent",
      ...config,
      features: { "plugins-wasm": false, cluster: { beatMs: 20_000, ttlMs: 60_000, ...cluster }, ...config.features },
    },
  });
}

/** Resolves when the node sees so many nodes that hold. */
export async function untilNodes(
  node: AspenNode,
  count: number,
  holds: (node: { state: string; methods: readonly string[] }) => boolean = () => true,
): Promise<void> {
  for (;;) {
    const { nodes } = await node.client.call("cluster.nodes");
    if (nodes.filter(holds).length === count) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
