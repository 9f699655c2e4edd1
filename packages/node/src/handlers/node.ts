import { SUPPORTED_API_VERSIONS } from "@aspen/plugin-api";
import { type HandlerRegistry, methodsHandler, type RequestHandler } from "@aspen/rpc-core";
import { z } from "zod";
import { zodMethod } from "./zod-method.js";

/** What `node.info` answers. */
export interface NodeInfo {
  /** Random for every start. */
  id: string;
  pid: number;
  nodeVersion: string;
  /** Seconds since the start. */
  uptime: number;
  /** The store's address, its password masked. */
  store: string;
  apiVersions: readonly string[];
  features: Readonly<Record<string, boolean>>;
  /** It was started without its plugins. */
  safeMode: boolean;
}

export interface NodeHandlerOptions {
  registry: HandlerRegistry;
  id: string;
  store: string;
  features: Readonly<Record<string, boolean>>;
  safeMode: boolean;
}

/** `node.info` and `rpc.describe`. */
export function nodeHandler({ registry, id, store, features, safeMode }: NodeHandlerOptions): RequestHandler {
  return methodsHandler({
    name: "node",
    priority: 103,
    methods: {
      "node.info": zodMethod({
        summary: "What this node is and runs on.",
        params: z.strictObject({}),
        handle: (): NodeInfo => ({
          id,
          pid: process.pid,
          nodeVersion: process.version,
          uptime: process.uptime(),
          store,
          apiVersions: SUPPORTED_API_VERSIONS,
          features,
          safeMode,
        }),
      }),
      "rpc.describe": zodMethod({
        summary: "Every method of this node, with its handler and the JSON Schema of its params.",
        params: z.strictObject({}),
        handle: () => ({ methods: registry.describe() }),
      }),
    },
  });
}
