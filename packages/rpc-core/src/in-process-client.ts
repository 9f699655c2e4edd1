import { randomUUID } from "node:crypto";
import { type Caller, LOCAL_CALLER } from "./caller.js";
import type { RpcCallOptions, RpcClient } from "./client.js";
import type { Dispatcher } from "./dispatcher.js";

export interface InProcessClientOptions {
  /** On whose behalf it calls. @default LOCAL_CALLER: this process, which may do everything */
  caller?: Caller;
}

/** A client of a dispatcher in the same process: no copy is made of params and result. */
export function inProcessClient(
  dispatcher: Pick<Dispatcher, "dispatch">,
  { caller = LOCAL_CALLER }: InProcessClientOptions = {},
): RpcClient {
  const call = (method: string, params: unknown = {}, options: RpcCallOptions = {}) =>
    dispatcher.dispatch(
      { method, params },
      {
        requestId: options.requestId ?? randomUUID(),
        caller,
        signal: options.signal ?? new AbortController().signal,
        ...(options.timeoutMs === undefined ? {} : { deadline: performance.now() + options.timeoutMs }),
      },
    );
  return { call: call as RpcClient["call"] };
}
