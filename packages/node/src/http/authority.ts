import type { IncomingMessage } from "node:http";
import { nodeErrors } from "../errors.js";
import { isLoopback } from "./loopback.js";
import { wayOf } from "./way.js";

/** What a request says about the site it is meant for. */
type Head = Pick<IncomingMessage, "url" | "httpVersion" | "headers" | "rawHeaders"> & {
  socket: { remoteAddress?: string | undefined; localAddress?: string | undefined };
};

/** Where a request comes from: from this machine and for it, or from anywhere else. */
export type Sender = "local" | "remote";

export interface SenderRules {
  /** Requests from elsewhere are let in, to be known by a token. */
  on: boolean;
  /** Sites whose pages may call. */
  origins: readonly string[];
}

/**
 * Where a request comes from. A page in a browser must not pass for somebody on this machine: neither by a rebound name
 * nor across sites. A page of another site that may call is remote wherever it runs, so that it needs a token.
 *
 * @throws AspenError `INVALID_PARAMS` without one host, `PERMISSION_DENIED` for a site that may not call, and while
 * remote requests are not let in for a host that is no loopback name
 */
export function senderOf(request: Head, { on, origins }: SenderRules): Sender {
  const authority = authorityOf(request);
  const { origin } = request.headers;
  const here = isHere(request.socket);
  if (authority === null) {
    // Checks of health by HTTP/1.0 name no host. No browser sends that.
    if (origin !== undefined) throw nodeErrors.foreignOrigin(origin);
    if (!here && !on) throw nodeErrors.foreignHost("");
    return here ? "local" : "remote";
  }
  const host = hostOf(authority);
  if (host === "none" || !(on || host === "loopback")) throw nodeErrors.foreignHost(authority);
  const local = here && host === "loopback" ? "local" : "remote";
  if (origin === undefined || isSameOrigin(origin, siteOf(request, authority))) return local;
  if (!origins.includes(origin)) throw nodeErrors.foreignOrigin(origin);
  return "remote";
}

/** True for a connection that only this machine can make, to an address that only it has. */
function isHere(socket: Head["socket"]): boolean {
  const { remoteAddress = "", localAddress = "" } = socket;
  return wayOf(socket) === "unix" || (isLoopback(unmapped(remoteAddress)) && isLoopback(unmapped(localAddress)));
}

/** An IPv4 address as a socket of IPv6 shows it, `::ffff:127.0.0.1`, without that. */
function unmapped(address: string): string {
  return address.startsWith("::") ? address.replace(/^::ffff:/i, "") : address;
}

/** The host and port that a request is meant for; null for HTTP/1.0, which may go without. */
function authorityOf({ url = "", httpVersion, headers, rawHeaders }: Head): string | null {
  const hosts = timesNamed(rawHeaders, "host");
  if (hosts > 1) throw nodeErrors.badRequest("it has several Host headers");
  if (hosts === 0 && httpVersion !== "1.0") throw nodeErrors.badRequest("it has no Host header");
  if (url.startsWith("/")) return headers.host ?? null;
  // A target with a host of its own goes before the header (RFC 9112, 3.2.2).
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1] ?? headers.host ?? null;
}

/** What the host of an authority is. That of one request is nearly always that of the next. */
function hostOf(authority: string): "none" | "loopback" | "other" {
  if (authority === lastHost.authority) return lastHost.is;
  const name = hostName(authority);
  const is = name === null ? "none" : isLoopback(name) ? "loopback" : "other";
  lastHost = { authority, is };
  return is;
}

let lastHost: { authority: string; is: "none" | "loopback" | "other" } = { authority: "", is: "none" };

/** The host name of an authority, without its port, which may be empty; null when it is no authority. */
function hostName(authority: string): string | null {
  return /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{0,5})?$/.exec(authority)?.[1] ?? null;
}

/** True when `origin` is the site that the request was sent to. */
function isSameOrigin(origin: string, site: string): boolean {
  const [theirs, ours] = [origin, site].map((text) => (URL.canParse(text) ? new URL(text).origin : null));
  return theirs !== null && theirs === ours;
}

function siteOf({ socket }: Head, authority: string): string {
  return `${wayOf(socket) === "tls" ? "https" : "http"}://${authority}`;
}

/** How often a request has a header. Node's own view of that, `headersDistinct`, makes a list for every name there is. */
export function timesNamed(rawHeaders: readonly string[], name: string): number {
  let times = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at]!;
    if (given.length === name.length && given.toLowerCase() === name) times += 1;
  }
  return times;
}
