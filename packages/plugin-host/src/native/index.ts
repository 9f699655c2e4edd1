/** The native tier: plugins in the node's own process. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export { configuredPlugin, type NativePluginConfig } from "./configured-plugin.js";
export { NativePluginRuntime } from "./native-runtime.js";
