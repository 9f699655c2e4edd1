import type { Socket } from "node:net";

/** How a connection came: over TCP, over TLS, or over the socket that only this node's user can reach. */
export type Way = "tcp" | "tls" | "unix";

const ways = new WeakMap<object, Way>();

/** Notes how a connection came, when it is taken. */
export function noteWay(socket: Socket, way: Way): void {
  ways.set(socket, way);
}

/** How the connection of a request came; `tcp` for one that is not known. */
export function wayOf(socket: object): Way {
  return ways.get(socket) ?? "tcp";
}
