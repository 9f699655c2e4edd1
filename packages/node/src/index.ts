/** The composition root: configuration, features, HTTP front, lifecycle. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api";
export type { AspenNode, InjectOptions } from "./aspen-node.js";
export type { KnownFeature, KnownFeatures } from "./composition/known-features.js";
export type { SelectedFeature } from "./composition/select-features.js";
export { type NeededTool, type ToolProblem, toolProblems, toolsOf } from "./composition/tools.js";
export type { NodeConfig, NodeSettings } from "./config/node-config.js";
export { type ResolveConfigOptions, type ResolvedNodeConfig, resolveConfig } from "./config/resolve-config.js";
export { type CreateNodeOptions, createNode } from "./create-node.js";
export { nodeErrors } from "./errors.js";
export type { ClusterConfig } from "./features/cluster.js";
export type { BlobMethods } from "./handlers/blob.js";
export type { ClusterMethods, ClusterNode } from "./handlers/cluster.js";
export type { KvMethods } from "./handlers/kv.js";
export type { NodeInfo, NodeMethods } from "./handlers/node.js";
export type { PluginMethods } from "./handlers/plugin.js";
export type { Lookup } from "./http/listeners.js";
