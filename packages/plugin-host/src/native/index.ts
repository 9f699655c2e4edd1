/** The native tier: plugins in the node's own process. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export { configuredPlugin, type NativePluginConfig } from "./configured-plugin.js";
export { type GuestCode, GuestThrew } from "./guest-code.js";
export { NativeCall } from "./native-call.js";
export { NativePluginInstance } from "./native-instance.js";
export { NativePluginRuntime } from "./native-runtime.js";
