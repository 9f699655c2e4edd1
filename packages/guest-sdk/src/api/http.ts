import { decodeUtf8, encodeEnvelope, encodeUtf8 } from "@aspen/plugin-api/abi";
import { hostCallOverlappingExpecting } from "../guest/overlapping.js";
import { HttpHeaders, type HttpHeadersInit } from "./http-headers.js";
import { HttpResponse } from "./http-response.js";

export interface HttpRequestInit {
  /** @default "GET" */
  method?: string;
  /** `host`, `content-length` and others of the connection itself are the host's. @default none */
  headers?: HttpHeadersInit;
  /** At most 16 MiB. A text is sent as UTF-8, without a content type of its own. @default none */
  body?: string | Uint8Array;
  /**
   * What to do when the answer sends the request elsewhere. `follow`: at most five times, and only to hosts that the plugin
   * may ask; across origins only harmless headers go along. `error`: fail. `manual`: give the answer as it is.
   * @default "follow"
   */
  redirect?: "follow" | "error" | "manual";
  /** Milliseconds until the last byte of the answer is read, at most what is left of the plugin's own call. @default 30,000 */
  timeoutMs?: number;
}

/** Requests to other hosts. Needs `http:<host>`. */
export const http = {
  /**
   * Sends a request, as `fetch` of WHATWG does; resolves when the headers of the answer are there. There are no cookies, no
   * cache and no compression. It is there in handlers, `onTimer` and `onHookEvent`. Several that begin together, as in
   * `Promise.all`, are under way together; what is not awaited ends with the plugin's own call.
   *
   * @throws AspenError `PERMISSION_DENIED` for a host that was not granted; `OUTBOUND_ADDRESS_DENIED` when its address is not
   * public; `OUTBOUND_URL_INVALID`, `OUTBOUND_REDIRECT_DENIED`, `OUTBOUND_UNRESOLVED`, `OUTBOUND_UNREACHABLE`,
   * `OUTBOUND_CERTIFICATE`, `OUTBOUND_TIMEOUT`, `INVALID_PARAMS`, `PAYLOAD_TOO_LARGE`; `LIMIT_EXCEEDED` with 64 answers open
   */
  async fetch(url: string | { readonly href: string }, init: HttpRequestInit = {}): Promise<HttpResponse> {
    const { method, headers, body, redirect, timeoutMs } = init;
    const bytes = typeof body === "string" ? encodeUtf8(body) : body;
    const request = { method, headers: [...new HttpHeaders(headers)], redirect, timeoutMs, bodyLength: bytes?.length };
    const envelope = encodeEnvelope(request, bytes ? [bytes] : []);
    const text = typeof url === "string" ? url : url.href;
    const answer = JSON.parse(decodeUtf8(await hostCallOverlappingExpecting("http_open", text, envelope)));
    return new HttpResponse(answer);
  },
};
