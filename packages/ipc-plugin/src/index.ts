/** The IPC tier: plugins as processes of their own, over gRPC, with the handshake of HashiCorp's go-plugin. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export { ipcErrors } from "./errors.js";
export { IpcPluginRuntime } from "./ipc-runtime.js";
export type { IpcRuntimeOptions } from "./options.js";
