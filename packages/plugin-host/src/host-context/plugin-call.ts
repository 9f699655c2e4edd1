import type { Caller, TraceContext } from "@aspen/rpc-core";
import { hostErrors } from "../errors.js";
import type { CallState } from "./call-state.js";

/** What a plugin may do, as plain data that can be sent to a worker thread. */
export interface PluginGrant {
  plugin: string;
  permissions: readonly string[];
  kvPrefixes: readonly string[];
}

/** The call of a plugin from which a host call comes, as far as it is known. */
export interface PluginCall {
  /** Of the request that the plugin was answering; it goes to the log. */
  readonly requestId?: string | undefined;
  /** What the event was caused by that the plugin is told of, that event's emitter included; what it emits is caused by it. */
  readonly chain?: readonly string[] | undefined;
  /** Who has called the plugin. Without one it calls nobody. */
  readonly caller?: Caller | undefined;
  /** When the call is over for its caller, on the clock of `performance.now()`. @default unknown */
  readonly deadline?: number | undefined;
  /** Its place in a trace. @default none */
  readonly trace?: TraceContext | undefined;
  /** Each aborts when the call is over. @default none */
  readonly signals?: readonly AbortSignal[] | undefined;
  /** What it has under way. Without one it begins nothing that outlasts a host call. */
  readonly state?: CallState | undefined;
  /** Gets the codes of the errors that host calls of it end with. @default none */
  readonly given?: Set<string> | undefined;
}

/** What a call has under way. @throws AspenError `PERMISSION_DENIED` outside of one that somebody waits for */
export function stateOf({ state, caller }: PluginCall, hostFunction: string): CallState {
  if (!state || !caller) throw hostErrors.noCaller(hostFunction);
  return state;
}
