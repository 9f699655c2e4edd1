/** What a plugin's own worker thread needs, and no more: it is loaded with every worker. @module */
export { DenialLimit } from "./host-context/denial-limit.js";
export type { DeniedEvent } from "./host-context/host-function.js";
export { LocalHostContext, type LocalHostContextOptions } from "./host-context/local-host-context.js";
export type { PluginGrant } from "./host-context/plugin-call.js";
export { nativeHosts } from "./native/hosts.js";
