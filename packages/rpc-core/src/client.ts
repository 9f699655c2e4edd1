import { randomUUID } from "node:crypto";
import type { Dispatcher } from "./dispatcher.js";
import type { KnownMethod, ParamsOf, ResultOf } from "./rpc-methods.js";

export interface RpcCallOptions {
  /** Cancels the call. @default never */
  signal?: AbortSignal;
  /** Milliseconds to wait for the answer. @default no limit */
  timeoutMs?: number;
  /** Id under which the node logs the call. @default a random one */
  requestId?: string;
}

/** Calls methods; those of `RpcMethods` by their types, any other by name. */
export interface RpcClient {
  call<M extends KnownMethod>(method: M, params: ParamsOf<M>, options?: RpcCallOptions): Promise<ResultOf<M>>;
  call(method: string, params?: unknown, options?: RpcCallOptions): Promise<unknown>;
}

/** A client of a dispatcher in the same process: no copy is made of params and result. */
export function inProcessClient(dispatcher: Pick<Dispatcher, "dispatch">): RpcClient {
  const call = (method: string, params: unknown = {}, options: RpcCallOptions = {}) =>
    dispatcher.dispatch(
      { method, params },
      {
        requestId: options.requestId ?? randomUUID(),
        signal: options.signal ?? new AbortController().signal,
        ...(options.timeoutMs === undefined ? {} : { deadline: performance.now() + options.timeoutMs }),
      },
    );
  return { call: call as RpcClient["call"] };
}
