/** The composition root: configuration, modules, HTTP front, lifecycle. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api";
export type { AspenNode, InjectOptions } from "./aspen-node.js";
export { type NodeConfig, type ResolvedNodeConfig, resolveConfig } from "./config.js";
export { type CreateNodeOptions, createNode } from "./create-node.js";
export { nodeErrors } from "./errors.js";
export type { BlobMethods } from "./handlers/blob.js";
export type { KvMethods } from "./handlers/kv.js";
export type { NodeInfo, NodeMethods } from "./handlers/node.js";
export type { PluginMethods } from "./handlers/plugin.js";
export type { Lookup } from "./http/listeners.js";
export { NODE, type NodeModule } from "./module.js";
