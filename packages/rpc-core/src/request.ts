import type { Caller } from "./caller.js";
import type { TraceContext } from "./trace.js";

/** One request, as it enters the dispatcher. */
export interface RpcRequest {
  /** Dotted name, such as `kv.get`. */
  method: string;
  /** A JSON value, or `JsonBytes`; a handler gets those only when it takes them. */
  params: unknown;
}

/** What travels with a request. */
export interface RequestContext {
  requestId: string;
  /** Who asks: whoever lets a request in says so. `LOCAL_CALLER` for code of this process. */
  caller: Caller;
  /** Aborted when the caller is gone or the deadline has passed. */
  signal: AbortSignal;
  /**
   * Time by which the caller wants the answer, on the clock of this process's `performance.now()`: nobody sets that
   * one. Between processes the milliseconds that are left have to travel. @default none
   */
  deadline?: number;
  /** Ids of the nodes that have passed it on, the first one first. @default none */
  via?: readonly string[];
  /** The caller also takes a result as `JsonBytes`, such as a front that would write it as JSON again. @default false */
  takesJsonBytes?: boolean;
  /** Its place in a trace. @default none */
  trace?: TraceContext | undefined;
  /** The caller also takes a result as a `ResultStream`. @default false */
  takesStream?: boolean;
}
