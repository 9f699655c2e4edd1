import { Readable } from "node:stream";
import type { Agent, Dispatcher } from "undici";
import { AddressPolicy } from "./address-policy.js";
import { checkedConnector } from "./connector.js";
import { outboundErrors } from "./errors.js";
import { normaliseOptions, type OutboundOptions, type OutboundSettings } from "./options.js";
import { type OutboundRequest, type PreparedRequest, prepareRequest, redirectedRequest } from "./request.js";
import { RequestTime } from "./request-time.js";
import { OutboundResponse } from "./response.js";
import { checkedUrl } from "./url-policy.js";

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Asks URLs that nobody vouches for. Each connection goes to a public address, or to one that is granted; the address that
 * was checked is the one that is connected to. Connections are shared by what has the same grants alone, so each set of
 * grants needs a client of its own.
 */
export class OutboundClient implements AsyncDisposable {
  readonly #settings: OutboundSettings;
  readonly #policy: AddressPolicy;
  #agent: Promise<Agent> | undefined;
  readonly #open = new Set<RequestTime>();
  #closed = false;

  /** @throws AspenError `CONFIG_INVALID` */
  constructor(options: OutboundOptions = {}) {
    this.#settings = normaliseOptions(options);
    this.#policy = new AddressPolicy(this.#settings.addresses);
  }

  /**
   * The answer, once its headers are there.
   * @throws AspenError `OUTBOUND_URL_INVALID`, `OUTBOUND_PORT_DENIED`, `OUTBOUND_ADDRESS_DENIED`, `OUTBOUND_REDIRECT_DENIED`
   * (what is refused); `OUTBOUND_UNRESOLVED`, `OUTBOUND_UNREACHABLE`, `OUTBOUND_CERTIFICATE`, `OUTBOUND_TIMEOUT` (what went
   * wrong); `PAYLOAD_TOO_LARGE`, `INVALID_PARAMS`, `CANCELLED`; and what `assertAllowed` throws
   */
  async request(given: string | URL, request: OutboundRequest = {}): Promise<OutboundResponse> {
    if (this.#closed) throw outboundErrors.closed();
    const settings = this.#settings;
    const url = checkedUrl(given, settings);
    request.assertAllowed?.(url);
    const prepared = prepareRequest(request, settings.requestBytes);
    const timeoutMs = Math.min(request.timeoutMs ?? Infinity, settings.timeoutMs);
    const time = new RequestTime(url, timeoutMs, request.signal, this.#open);
    try {
      return await this.#follow(prepared, request, time);
    } catch (error) {
      time.end();
      throw time.failure(error);
    }
  }

  async #follow(prepared: PreparedRequest, given: OutboundRequest, time: RequestTime): Promise<OutboundResponse> {
    const limit = Math.min(given.responseBytes ?? Infinity, this.#settings.responseBytes);
    let request = prepared;
    for (let followed = 0; ; followed++) {
      const answer = await this.#ask(request, time);
      const location = REDIRECTS.has(answer.statusCode) ? answer.headers.location : undefined;
      if (location === undefined || given.redirect === "manual") {
        if (Number(answer.headers["content-length"]) > limit && request.method !== "HEAD") {
          drop(answer);
          throw time.tooLarge(limit);
        }
        return new OutboundResponse(time.url, answer, time, limit);
      }
      drop(answer);
      request = this.#redirect(request, given, time, {
        status: answer.statusCode,
        location: String(location),
        followed,
      });
    }
  }

  async #ask({ method, headers, body }: PreparedRequest, time: RequestTime): Promise<Dispatcher.ResponseData> {
    this.#agent ??= this.#connect();
    const agent = await this.#agent;
    time.signal.throwIfAborted();
    const { origin, pathname, search } = time.url;
    const named = new Set(headers.map(([name]) => name));
    const flat = headers.flat();
    // A compressed answer may be far larger than its limit once it is unpacked, so who wants one asks for it.
    if (!named.has("accept-encoding")) flat.push("accept-encoding", "identity");
    if (!named.has("user-agent")) flat.push("user-agent", "aspen");
    return await agent.request({
      origin,
      path: pathname + search,
      method: method as Dispatcher.HttpMethod,
      headers: flat,
      body: body === null || body instanceof Uint8Array ? body : Readable.from(body, { objectMode: false }),
      signal: time.signal,
    });
  }

  #redirect(
    request: PreparedRequest,
    given: OutboundRequest,
    time: RequestTime,
    { status, location, followed }: { status: number; location: string; followed: number },
  ): PreparedRequest {
    const { redirects } = this.#settings;
    if (given.redirect === "error" || redirects === 0) {
      throw outboundErrors.redirected(time.url, "redirects are not followed");
    }
    if (followed >= redirects) throw outboundErrors.redirected(time.url, `more than ${redirects} times`);
    const from = time.url;
    const url = checkedUrl(location, this.#settings, from);
    given.assertAllowed?.(url);
    const next = redirectedRequest(request, status, url.origin !== from.origin);
    if (next.body !== null && !(next.body instanceof Uint8Array)) {
      throw outboundErrors.redirected(from, "a body that was streamed cannot be sent again");
    }
    time.url = url;
    return next;
  }

  /** The HTTP client is over a hundred files, which a node that asks nobody need not load. */
  async #connect(): Promise<Agent> {
    const { Agent, buildConnector } = await import("undici");
    const { connections, connectTimeoutMs, headerBytes, timeoutMs } = this.#settings;
    return new Agent({
      connect: checkedConnector(buildConnector, this.#settings, this.#policy),
      connections,
      pipelining: 1,
      maxHeaderSize: headerBytes,
      keepAliveTimeout: 4000,
      // Each request has a time of its own; these only catch what outlives it.
      headersTimeout: timeoutMs + connectTimeoutMs,
      bodyTimeout: timeoutMs + connectTimeoutMs,
    });
  }

  /** Ends all connections, and with them the answers that are being read. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const time of this.#open) time.abort(outboundErrors.closed());
    await (await this.#agent)?.destroy();
  }
}

/** An answer that nobody reads; undici reads a short one to its end, so that its connection can be used again. */
function drop({ body }: Dispatcher.ResponseData): void {
  body.on("error", () => undefined);
  body.dump({ limit: 16 * 1024 }).catch(() => undefined);
}
