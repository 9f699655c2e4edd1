/** The WASM tier: Extism in worker threads with enforced limits. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api";
export type { EngineHost, EngineInstance, GuestOutcome, WasmEngine } from "./engine/wasm-engine.js";
export { moduleErrors, wasmErrors } from "./errors.js";
export type { WasmRuntimeOptions } from "./options.js";
export { WasmPluginHandler, type WasmPluginHandlerOptions } from "./wasm-plugin-handler.js";
export { WasmPluginRuntime } from "./wasm-runtime.js";
