import { SUPPORTED_API_VERSIONS } from "@aspen/plugin-api";
import {
  type HandlerFactory,
  type HandlerRegistry,
  type MethodsOf,
  method,
  methodsHandlerFactory,
} from "@aspen/rpc-core";
import { z } from "zod";

export interface NodeHandlerOptions {
  registry: HandlerRegistry;
  id: string;
  store: string;
  features: Readonly<Record<string, boolean>>;
  safeMode: boolean;
}

const nodeInfo = z.strictObject({
  id: z.string().describe("Random for every start."),
  pid: z.number(),
  nodeVersion: z.string(),
  uptime: z.number().describe("Seconds since the start."),
  store: z.string().describe("The store's address, its password masked."),
  apiVersions: z.array(z.string()).readonly(),
  features: z.record(z.string(), z.boolean()).readonly(),
  safeMode: z.boolean().describe("It was started without its plugins."),
});

/** What `node.info` answers. */
export type NodeInfo = z.output<typeof nodeInfo>;

const jsonSchema = z.record(z.string(), z.unknown()).readonly().optional();

const describedMethod = z.strictObject({
  method: z.string().describe("Name, or prefix.*."),
  summary: z.string().optional(),
  access: z
    .union([
      z.literal("public"),
      z.strictObject({ methods: z.array(z.string()).readonly(), kvKeys: z.boolean() }).readonly(),
    ])
    .describe(
      "What a caller needs: nothing, or grants for methods and, with kvKeys, for the keys that the params name.",
    ),
  safe: z.boolean().describe("It only reads, so that it may be called again when its outcome is unknown."),
  streams: z.boolean().describe("It gives its result as a stream of items to a caller that takes one."),
  params: jsonSchema.describe("JSON Schema of the params, when known."),
  result: jsonSchema.describe("JSON Schema of the result, when known."),
  item: jsonSchema.describe("JSON Schema of one item of a stream, when known."),
  handler: z.string(),
  priority: z.number(),
});

/** `node.info` and `rpc.describe`. */
export function nodeHandler(options: NodeHandlerOptions): HandlerFactory {
  return methodsHandlerFactory({ name: "node", priority: 103, methods: () => nodeMethods(options) });
}

/** Params and results of the methods, from the table below. */
export type NodeMethods = MethodsOf<ReturnType<typeof nodeMethods>>;

declare module "@aspen/rpc-core" {
  interface RpcMethods extends NodeMethods {}
}

function nodeMethods({ registry, id, store, features, safeMode }: NodeHandlerOptions) {
  return {
    "node.info": method({
      summary: "What this node is and runs on.",
      params: z.strictObject({}),
      safe: true,
      result: nodeInfo,
      handle: () => ({
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
    "rpc.describe": method({
      summary: "Every method of this node, with its handler, its access and the JSON Schemas of its params and result.",
      params: z.strictObject({}),
      result: z.strictObject({ methods: z.array(describedMethod) }),
      safe: true,
      handle: () => ({ methods: registry.describe() }),
    }),
  };
}
