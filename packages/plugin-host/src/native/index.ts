/** The native tier: plugins in the node's own process. @module */
export { NativePluginRuntime } from "./native-runtime.js";
