import type { KnownMethod, ParamsOf, ResultOf } from "./rpc-methods.js";

export interface RpcCallOptions {
  /** Cancels the call. @default never */
  signal?: AbortSignal;
  /** Milliseconds to wait for the answer. @default the client's */
  timeoutMs?: number;
  /** Id under which the node logs the call. @default a random one */
  requestId?: string;
}

/** Params, and then options; params may be left out where `{}` would do. */
export type CallArguments<Name extends string> =
  Record<string, never> extends ParamsOf<Name>
    ? [params?: ParamsOf<Name>, options?: RpcCallOptions]
    : [params: ParamsOf<Name>, options?: RpcCallOptions];

/** Calls methods: those of `RpcMethods` by their types, any other with params and a result of any type. */
export interface RpcClient {
  call<Name extends KnownMethod | (string & {})>(method: Name, ...rest: CallArguments<Name>): Promise<ResultOf<Name>>;
}
