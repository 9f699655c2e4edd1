import { validateHeaderName, validateHeaderValue } from "node:http";
import { outboundErrors } from "./errors.js";

/** One request. */
export interface OutboundRequest {
  /** @default GET */
  method?: string | undefined;
  /** Those of the connection itself, such as `host` and `content-length`, are refused. @default none */
  headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[] | undefined;
  /** A body that is no longer at hand, such as a stream, cannot follow a redirect that asks for it. @default none */
  body?: Uint8Array | string | AsyncIterable<Uint8Array> | undefined;
  /** Asked for each URL, redirects included, before anything is looked up; throws an `AspenError` to refuse it. @default all are allowed */
  assertAllowed?: ((url: URL) => void) | undefined;
  /** At most the client's. @default the client's */
  timeoutMs?: number | undefined;
  /** At most the client's. @default the client's */
  responseBytes?: number | undefined;
  /** `manual` gives an answer that redirects as it is. @default "follow", as far as the client follows */
  redirect?: "follow" | "error" | "manual" | undefined;
  /** Cancels the request, and the reading of its answer. @default never */
  signal?: AbortSignal | undefined;
}

export interface PreparedRequest {
  readonly method: string;
  /** Lower-case names. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null;
}

const METHOD = /^[A-Z][A-Z0-9-]{0,31}$/;
/** They make a tunnel or echo what the client sent (Fetch standard, "forbidden method"). */
const FORBIDDEN_METHODS = new Set(["CONNECT", "TRACE", "TRACK"]);
/** What belongs to the connection (RFC 9110, section 7.6.1) and to the framing of a message, which the client writes itself. */
const FORBIDDEN_HEADERS = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "via",
]);
/** Across origins these go along; any other may be a credential. */
const HARMLESS_HEADERS = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "content-encoding",
  "content-language",
  "content-type",
  "range",
  "user-agent",
]);
const HEADERS_MAX = 100;
const HEADERS_BYTES = 16 * 1024;

/** @throws AspenError `INVALID_PARAMS`, `PAYLOAD_TOO_LARGE` */
export function prepareRequest(request: OutboundRequest, requestBytes: number): PreparedRequest {
  const method = (request.method ?? "GET").toUpperCase();
  if (!METHOD.test(method) || FORBIDDEN_METHODS.has(method)) {
    throw outboundErrors.invalid("method", "is none that can be asked for");
  }
  const headers = preparedHeaders(request.headers ?? {});
  const { body } = request;
  if (body === undefined) return { method, headers, body: null };
  if (method === "GET" || method === "HEAD") throw outboundErrors.invalid("body", `belongs to no ${method}`);
  if (typeof body !== "string" && !(body instanceof Uint8Array)) {
    return { method, headers, body: bounded(body, requestBytes) };
  }
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  if (bytes.length > requestBytes) throw outboundErrors.requestTooLarge(requestBytes);
  return { method, headers, body: bytes };
}

/**
 * What a redirect asks for, as the Fetch standard has it ("HTTP-redirect fetch"): a request that changes nothing, unless
 * the status keeps the method.
 */
export function redirectedRequest(request: PreparedRequest, status: number, otherOrigin: boolean): PreparedRequest {
  const { method } = request;
  const asked = status === 303 ? method !== "GET" && method !== "HEAD" : status <= 302 && method === "POST";
  const headers = request.headers.filter(
    ([name]) => (!otherOrigin || HARMLESS_HEADERS.has(name)) && !(asked && name.startsWith("content-")),
  );
  return asked ? { method: "GET", headers, body: null } : { ...request, headers };
}

function preparedHeaders(given: NonNullable<OutboundRequest["headers"]>): (readonly [string, string])[] {
  const entries: readonly (readonly [string, string])[] = Array.isArray(given) ? given : Object.entries(given);
  if (entries.length > HEADERS_MAX) throw outboundErrors.invalid("headers", `has more than ${HEADERS_MAX} of them`);
  let bytes = 0;
  const headers = entries.map(([name, value]) => {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (cause) {
      throw outboundErrors.invalid(`header ${name}`, "cannot be sent", cause);
    }
    const lower = name.toLowerCase();
    if (FORBIDDEN_HEADERS.has(lower) || lower.startsWith("proxy-")) {
      throw outboundErrors.invalid(`header ${lower}`, "is written by the client itself");
    }
    bytes += name.length + value.length;
    return [lower, value] as const;
  });
  if (bytes > HEADERS_BYTES) throw outboundErrors.invalid("headers", `has more than ${HEADERS_BYTES} bytes`);
  return headers;
}

async function* bounded(body: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > limit) throw outboundErrors.requestTooLarge(limit);
    yield part;
  }
}
