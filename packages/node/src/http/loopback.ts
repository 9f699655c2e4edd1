import { isIPv4 } from "node:net";

/** True for `localhost` and every address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === "localhost" || name === "::1" || name === "[::1]" || (isIPv4(name) && name.startsWith("127."));
}

/** The host name of a `Host` header or an authority, without its port; null when it is no authority. */
export function hostName(authority: string): string | null {
  return /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/.exec(authority)?.[1] ?? null;
}

/** True when `origin` is the site that the request was sent to. */
export function isSameOrigin(origin: string, authority: string): boolean {
  return origin.toLowerCase() === `http://${authority.toLowerCase()}`;
}
