import type { Guest, GuestExport, GuestIdentity, GuestRequest, NativeRequest } from "@aspen/plugin-api/abi";
import type { HookEvent, PluginDefinition, PluginHealthReport, TimerTick } from "../api/plugin-definition.js";
import { guestErrorJson } from "./guest-error.js";
import { sandbox } from "./intrinsics.js";

/** Who asks when whoever runs the guest says nothing of it. */
const NOBODY: GuestRequest["caller"] = { kind: "anonymous", id: "anonymous", grants: { methods: [], kvPrefixes: [] } };

/** A plugin as its host sees it, in WASM and in a process of Node. */
export function guestOf(plugin: PluginDefinition, identity: GuestIdentity): Guest {
  return { exports: exportsOf(plugin, identity), resultText, errorText };
}

function exportsOf(plugin: PluginDefinition, identity: GuestIdentity): Guest["exports"] {
  const handlers = new Map(Object.entries(plugin.handlers));
  const table: Partial<Record<GuestExport, (input: () => unknown) => unknown>> = {
    plugin_info: () => ({ ...identity, handles: [...handlers.keys()] }),
    handle_request(input) {
      const { method, params, requestId, caller = NOBODY, signal } = input() as GuestRequest & Partial<NativeRequest>;
      const handler = handlers.get(method);
      if (handler) return handler(params, { method, requestId, caller, ...(signal ? { signal } : {}) });
      throw Object.assign(new Error(`the plugin ${identity.name} has no handler for ${JSON.stringify(method)}`), {
        code: "METHOD_NOT_FOUND",
      });
    },
  };
  const { onInit, onShutdown, onHealth, onTimer, onHookEvent } = plugin;
  if (onInit) table.plugin_init = () => after(onInit());
  if (onShutdown) table.plugin_shutdown = () => after(onShutdown());
  if (onHealth) table.plugin_health = async () => healthJson(await onHealth());
  if (onTimer) table.plugin_on_timer = (input) => after(onTimer(input() as TimerTick));
  if (onHookEvent) table.plugin_on_hook_event = (input) => after(onHookEvent(hookEvent(input())));
  return table;
}

/** Data of no JSON media type comes as base64. */
function hookEvent(input: unknown): HookEvent {
  const { data_base64: text, ...event } = input as HookEvent & { data_base64?: string };
  return text === undefined ? event : { ...event, data: Uint8Array.from(atob(text), (char) => char.charCodeAt(0)) };
}

/** Nothing as the result, once it is done. */
async function after(work: unknown): Promise<undefined> {
  await work;
  return undefined;
}

function healthJson(report: PluginHealthReport): { state: string; message?: string } {
  if (report === undefined || report === true) return { state: "healthy" };
  if (report === false) return { state: "degraded", message: "onHealth returned false" };
  return report;
}

function resultText(result: unknown): { ok: boolean; text: string } {
  try {
    const text = result === undefined ? "null" : JSON.stringify(result, bytesReplacer());
    return text === undefined ? refused(`a ${typeof result} is not JSON`) : { ok: true, text };
  } catch (error) {
    return refused(error instanceof Error ? error.message : String(error));
  }
}

function refused(why: string): { ok: false; text: string } {
  return {
    ok: false,
    text: JSON.stringify({ code: "PLUGIN_INVALID_RESPONSE", message: `the result cannot be sent: ${why}` }),
  };
}

function errorText(thrown: unknown): string {
  return JSON.stringify(guestErrorJson(thrown));
}

/** Writes bytes as `{"base64": "…"}`; in WASM, where nothing else shares the globals, their `toJSON` does it. */
function bytesReplacer(): ((this: unknown, key: string, value: unknown) => unknown) | undefined {
  if (sandbox()) return undefined;
  return function (this: unknown, key, value) {
    // A Buffer has turned itself into something else already.
    const original = (this as Record<string, unknown>)[key];
    return original instanceof Uint8Array ? { base64: base64(original) } : value;
  };
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let start = 0; start < bytes.length; start += 8192) {
    binary += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(binary);
}
