import type { RpcCallOptions, RpcClient } from "../client.js";
import { rpcErrors } from "../errors.js";
import { JsonBytes } from "../json-bytes.js";
import { readAnswer, resultOf } from "./answer.js";
import { failureOf } from "./failure.js";
import { type NodeAddress, nodeAddress } from "./node-address.js";

/** Milliseconds to wait for an answer, where nothing else is said. */
const TIMEOUT_MS = 60_000;
/** The longest delay that a timer takes. */
const MAX_DELAY_MS = 2 ** 31 - 1;
/** Request ids that a node takes over. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

export interface RemoteClientOptions {
  /** Address of the node, as {@link nodeAddress} reads it. */
  url: string;
  /** What errors call the node. @default `url`, without user and password */
  shown?: string;
  /** Value of the `authorization` header, such as `Bearer …`. @default user and password of `url`, as Basic credentials */
  authorization?: string;
  /** Whether a browser sends its cookies along, a setting of fetch. @default "same-origin" */
  credentials?: "omit" | "same-origin" | "include";
  /** Milliseconds to wait for the answer of a call that does not say so itself. @default 60_000 */
  timeoutMs?: number;
  /** Sends the requests. @default the global `fetch` */
  fetch?: typeof fetch;
}

/**
 * A client of a node elsewhere, over HTTP. Params may be `JsonBytes`, which are sent as they are.
 *
 * Calls reject with what the node answered (`RemoteError`), `NODE_UNREACHABLE` when nothing was done, `OUTCOME_UNKNOWN`
 * when the connection was lost, `DEADLINE_EXCEEDED` after `timeoutMs`, `CANCELLED` by the signal, `PAYLOAD_TOO_LARGE` for
 * an answer over 128 MiB, and `INVALID_PARAMS` for what cannot be sent.
 *
 * @throws AspenError `INVALID_PARAMS` when `url` is no address of a node
 */
export function remoteClient(options: RemoteClientOptions): RpcClient {
  const { timeoutMs = TIMEOUT_MS } = options;
  const address: NodeAddress = { ...nodeAddress(options.url) };
  const { shown = address.url } = options;
  if (options.authorization !== undefined) address.authorization = options.authorization;
  const call = async (method: string, params: unknown = {}, { signal, ...own }: RpcCallOptions = {}) => {
    const request = requestOf(address, method, params, own.requestId);
    if (options.credentials) request.credentials = options.credentials;
    const limitMs = own.timeoutMs ?? timeoutMs;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), Math.min(limitMs, MAX_DELAY_MS));
    try {
      const send = options.fetch ?? fetch;
      const over = signal ? AbortSignal.any([signal, limit.signal]) : limit.signal;
      const url = new URL(`rpc/${encodeURIComponent(method)}`, address.url);
      const response = await send(url, { ...request, signal: over });
      return resultOf(shown, await readAnswer(method, response));
    } catch (error) {
      if (signal?.aborted) throw rpcErrors.cancelled(method);
      if (limit.signal.aborted) throw rpcErrors.timedOut(method, limitMs);
      throw failureOf(shown, method, error);
    } finally {
      clearTimeout(timer);
    }
  };
  return { call: call as RpcClient["call"] };
}

function requestOf({ authorization }: NodeAddress, method: string, params: unknown, requestId?: string): RequestInit {
  if (requestId !== undefined && !REQUEST_ID.test(requestId)) throw rpcErrors.requestIdInvalid(requestId);
  return {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(authorization === undefined ? {} : { authorization }),
      ...(requestId === undefined ? {} : { "x-request-id": requestId }),
    },
    body: params instanceof JsonBytes ? (params.bytes as BodyInit) : json(method, params),
    redirect: "error",
  };
}

function json(method: string, params: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(params);
  } catch (error) {
    throw rpcErrors.notJson(method, error);
  }
  if (text === undefined) throw rpcErrors.notJson(method, `a ${typeof params} has no form in JSON`);
  return text;
}
