import { decodeUtf8 } from "@aspen/plugin-api/abi";
import { hostCallOverlappingExpecting } from "../guest/overlapping.js";

export interface CallOptions {
  /** Milliseconds to wait for the answer, at most what is left of the plugin's own call. @default that */
  timeoutMs?: number;
}

/** Methods of other plugins and of the node. Needs `rpc:call:<method>`. */
export const rpc = {
  /**
   * Calls a method on whichever node serves it, with what the plugin and its own caller are granted both. It is there in
   * handlers, `onTimer` and `onHookEvent`; not in `onInit`, `onShutdown` and `onHealth`. Several that begin together, as in
   * `Promise.all`, are under way together; what is not awaited ends with the plugin's own call.
   *
   * @param params anything that JSON holds
   * @throws AspenError `PERMISSION_DENIED`, `METHOD_NOT_FOUND`, `DEADLINE_EXCEEDED`; `RPC_CYCLE` when the method is that of a
   * plugin which waits for this very call; `RPC_TOO_DEEP` behind eight plugins; or what the method throws
   */
  async call<R = unknown>(method: string, params: unknown = {}, options: CallOptions = {}): Promise<R> {
    const answer = hostCallOverlappingExpecting("rpc_call", method, JSON.stringify(params), JSON.stringify(options));
    return JSON.parse(decodeUtf8(await answer)) as R;
  },
};
