import type { IncomingMessage } from "node:http";
import { nodeErrors } from "../errors.js";
import { isLoopback } from "./loopback.js";
import { wayOf } from "./way.js";

/** What a request says about the site it is meant for. */
type Head = Pick<IncomingMessage, "url" | "httpVersion" | "headers" | "headersDistinct"> & {
  socket: { remoteAddress?: string | undefined };
};

/**
 * Without authentication, a page in a browser must not reach the node: neither by a rebound name nor across sites.
 *
 * @throws AspenError `INVALID_PARAMS` without one host, `PERMISSION_DENIED` when it is no loopback name or another site asks
 */
export function refuseForeign(request: Head): void {
  const authority = authorityOf(request);
  const { origin } = request.headers;
  if (authority === null) {
    // Checks of health by HTTP/1.0 name no host. No browser sends that, and nothing that comes from elsewhere may.
    const here = wayOf(request.socket) === "unix" || isLoopback(request.socket.remoteAddress ?? "");
    if (!here) throw nodeErrors.foreignHost("");
    if (origin !== undefined) throw nodeErrors.foreignOrigin(origin);
    return;
  }
  const name = hostName(authority);
  if (name === null || !isLoopback(name)) throw nodeErrors.foreignHost(authority);
  if (origin !== undefined && !isSameOrigin(origin, siteOf(request, authority))) throw nodeErrors.foreignOrigin(origin);
}

/** The host and port that a request is meant for; null for HTTP/1.0, which may go without. */
function authorityOf({ url = "", httpVersion, headers, headersDistinct }: Head): string | null {
  const hosts = headersDistinct.host ?? [];
  if (hosts.length > 1) throw nodeErrors.badRequest("it has several Host headers");
  if (hosts.length === 0 && httpVersion !== "1.0") throw nodeErrors.badRequest("it has no Host header");
  // A target with a host of its own goes before the header (RFC 9112, 3.2.2).
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1] ?? headers.host ?? null;
}

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
