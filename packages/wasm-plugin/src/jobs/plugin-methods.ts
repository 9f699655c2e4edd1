import { handlePatternMatches } from "@aspen/plugin-api";
import { type CallOptions, PluginHandler, type PluginSupervisor } from "@aspen/plugin-host";
import { grantsMethod, type HandlerRegistry } from "@aspen/rpc-core";
import { wasmJobErrors } from "./errors.js";
import type { PluginCall } from "./payload.js";

/**
 * The methods that jobs may call: of those of the node's WASM plugins, what their submitters may call; a plugin also its
 * own.
 */
export class PluginMethods {
  constructor(
    private readonly supervisor: Pick<PluginSupervisor, "get">,
    private readonly registry: Pick<HandlerRegistry, "find">,
    /** Patterns of methods: `greet.*`, or `*` for all. */
    private readonly allowed: readonly string[],
  ) {}

  /**
   * @throws AspenError `METHOD_NOT_FOUND`, `PERMISSION_DENIED`, `PLUGIN_NOT_FOUND`, `PLUGIN_TIER_UNAVAILABLE`, and what the
   * plugin's call throws
   */
  async call({ plugin, method, params }: PluginCall, options: CallOptions): Promise<unknown> {
    if (!this.allowed.some((pattern) => pattern === "*" || handlePatternMatches(pattern, method))) {
      throw wasmJobErrors.notAllowed(method);
    }
    const { caller } = options;
    const target = this.supervisor.get(plugin ?? this.#answering(method));
    const { name, handles, entry } = target.manifest;
    if (!handles.some((pattern) => handlePatternMatches(pattern, method))) {
      throw wasmJobErrors.noMethod(method, `plugin ${name} does not have it`);
    }
    if (entry.kind !== "wasm") throw wasmJobErrors.notWasm(name);
    // What is its own it could do without a job.
    const own = caller.kind === "plugin" && caller.id === name;
    if (!own && !grantsMethod(caller.grants, method)) throw wasmJobErrors.notGranted(caller, method);
    return target.call(method, params ?? null, options);
  }

  #answering(method: string): string {
    const handler = this.registry.find(method);
    if (handler instanceof PluginHandler) return handler.name;
    throw wasmJobErrors.noMethod(method, handler ? "it is the node's own and no plugin's" : "no plugin has it");
  }
}
