import { AspenError, decodeUtf8, LIMITS } from "@aspen/plugin-api";
import {
  ANONYMOUS_CALLER,
  type Caller,
  type Dispatcher,
  type Grants,
  intersectGrants,
  JsonBytes,
  tokenBehind,
} from "@aspen/rpc-core";
import { hostErrors } from "./errors.js";
import type { PluginCall, PluginGrant } from "./host-context/plugin-call.js";

const FAMILY = "rpc:call:";

export interface PluginRpcRequest {
  method: string;
  /** JSON, which whoever handles it checks. */
  params: Uint8Array;
  timeoutMs: number | undefined;
}

export interface PluginRpcOptions {
  dispatcher: Pick<Dispatcher, "dispatch"> | undefined;
  /** Milliseconds that a call of the plugin may take. */
  executionTimeoutMs: number;
}

/** The calls that one plugin makes itself. */
export class PluginRpc {
  constructor(private readonly options: PluginRpcOptions) {}

  /**
   * The result as JSON.
   *
   * @param call from which it comes; its own time bounds this one's
   * @throws AspenError `PERMISSION_DENIED`, `RPC_TOO_DEEP`, `DEADLINE_EXCEEDED`, `CANCELLED` when the call is over, or what
   * the method's handler throws
   */
  async call(grant: PluginGrant, request: PluginRpcRequest, call: PluginCall): Promise<string> {
    const { dispatcher, executionTimeoutMs } = this.options;
    const { method, params, timeoutMs = executionTimeoutMs } = request;
    if (!call.caller) throw hostErrors.noCaller("rpc_call");
    if (!dispatcher) throw hostErrors.featureOff("rpc_call", "plugins");
    const { through = [] } = call.caller;
    if (through.length >= LIMITS.rpcDepth) throw hostErrors.tooDeep(through, grant.plugin);
    const caller = pluginCaller(grant, call.caller);
    const latest = performance.now() + Math.min(timeoutMs, executionTimeoutMs);
    const deadline = Math.min(latest, call.deadline ?? Number.POSITIVE_INFINITY);
    const { requestId = "", signals = [], trace } = call;
    const over = new AbortController();
    const end = () => over.abort();
    for (const signal of signals) {
      if (signal.aborted) end();
      signal.addEventListener("abort", end, { once: true });
    }
    try {
      const context = { requestId, caller, signal: over.signal, deadline, trace, takesJsonBytes: true };
      const result = await dispatcher.dispatch({ method, params: new JsonBytes(params) }, context);
      return result instanceof JsonBytes ? decodeUtf8(result.bytes) : JSON.stringify(result ?? null);
    } catch (error) {
      throw AspenError.from(error);
    } finally {
      for (const signal of signals) signal.removeEventListener("abort", end);
    }
  }
}

/** The plugin as a caller, with what it and its own caller are granted both: nothing, when that is not known. */
export function pluginCaller(
  grant: PluginGrant,
  { grants, through = [], ...caller }: Caller = ANONYMOUS_CALLER,
): Caller {
  const token = tokenBehind({ grants, ...caller });
  return {
    ...{ kind: "plugin", id: grant.plugin, through: [...through, grant.plugin] },
    grants: intersectGrants(grantsOf(grant), grants),
    ...(token === undefined ? {} : { token }),
  };
}

/** What a plugin may do elsewhere, whoever calls it. */
export function grantsOf({ permissions, kvPrefixes }: Pick<PluginGrant, "permissions" | "kvPrefixes">): Grants {
  const methods = permissions.filter((one) => one.startsWith(FAMILY)).map((one) => one.slice(FAMILY.length));
  return { methods, kvPrefixes };
}
