import type { PluginTier } from "@aspen/feature";
import type { PluginInstance, PluginRuntime } from "../../src/index.js";

const disposable = { async [Symbol.asyncDispose]() {} };

/** The shortest instance and tier of one's own. */
export const instance: PluginInstance = {
  ...disposable,
  call: async (method, params, { requestId, caller, signal }) => {
    // @ts-expect-error it may have none
    signal.throwIfAborted();
    return { method, params, requestId, by: caller.id };
  },
  notify: async (what, _input, { chain }) => {
    // @ts-expect-error there are timers and events
    if (what === "health") return;
    // @ts-expect-error it may have none
    chain.length;
  },
  health: async () => ({ state: "healthy" }),
  drain: async (signal) => signal.throwIfAborted(),
};
export const runtime: PluginRuntime = {
  ...disposable,
  tier: "ipc",
  start: async ({ manifest, files }, host, signal) => {
    signal?.throwIfAborted();
    // @ts-expect-error artifacts are as they were granted
    files.set("plugin.wasm", new Uint8Array());
    // @ts-expect-error the host context has no way round its checks
    host.services.kv;
    return { ...instance, health: async () => ({ state: "degraded", message: manifest.name }) };
  },
};
/** A feature binds it as a tier. */
export const tier: PluginTier = runtime;

// @ts-expect-error there is no such tier
export const docker: PluginRuntime = { ...runtime, tier: "docker" };
// @ts-expect-error a degraded plugin says why
export const silent: PluginInstance = { ...instance, health: async () => ({ state: "degraded" }) };
// @ts-expect-error it cannot be closed
export const lasting: PluginRuntime = { tier: "ipc", start: runtime.start };
// @ts-expect-error it starts nothing that answers
export const mute: PluginRuntime = { ...runtime, start: async () => disposable };
