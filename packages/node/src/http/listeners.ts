import { lookup as systemLookup } from "node:dns/promises";
import { once } from "node:events";
import { type AddressInfo, isIP, type Server } from "node:net";
import { nodeErrors } from "../errors.js";
import { isLoopback } from "./loopback.js";
import type { UnixSocket } from "./unix-socket.js";

/** Finds the addresses of a name. */
export type Lookup = (host: string) => Promise<readonly { address: string; family: number }[]>;

export interface ListenOptions {
  /** An address, or a name of some. */
  host: string;
  /** Other machines may reach them; else all must be loopback addresses. */
  foreign: boolean;
  /** 0 picks one that is free on every address. */
  port: number;
  /** @default the system's */
  lookup?: Lookup | undefined;
  /** Makes a server that does not listen yet; called once for each address. */
  createServer: () => Server;
  /** What the servers speak. */
  scheme: "http" | "https";
  /** Another way in, beside the addresses. */
  socket?: { path: string; createServer: () => Server } | undefined;
}

/** How often a free port that is taken on another address of the same name is replaced by another. */
const FREE_PORT_TRIES = 10;

/** Servers on every address that a name stands for, all on one port. */
export class Listeners {
  #closed: Promise<unknown> | null = null;

  private constructor(
    private readonly servers: readonly Server[],
    private readonly scheme: string,
    private readonly socket: UnixSocket | null,
  ) {}

  /**
   * @throws AspenError `CONFIG_INVALID` when the name has no loopback address, the port cannot be had on one, or the path
   * of the socket cannot
   */
  static async open(options: ListenOptions): Promise<Listeners> {
    const { socket } = options;
    const tcp = await Listeners.#openTcp(options);
    if (!socket) return tcp;
    try {
      // A node without one does not need it.
      const { UnixSocket } = await import("./unix-socket.js");
      const opened = await UnixSocket.open(socket.path, socket.createServer());
      return new Listeners([...tcp.servers, opened.server], options.scheme, opened);
    } catch (error) {
      await tcp.close();
      throw error;
    }
  }

  static async #openTcp(options: ListenOptions): Promise<Listeners> {
    const { host, port } = options;
    const addresses = await resolve(options);
    for (let left = FREE_PORT_TRIES; ; left -= 1) {
      try {
        return await Listeners.#bind(addresses, options);
      } catch (error) {
        const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
        if (port === 0 && taken && left > 1) continue;
        throw nodeErrors.listenFailed(host, port, error);
      }
    }
  }

  static async #bind(addresses: readonly string[], options: ListenOptions): Promise<Listeners> {
    const { port, createServer, scheme } = options;
    const servers: Server[] = [];
    let chosen = port;
    let absent: unknown;
    try {
      for (const host of addresses) {
        const server = createServer();
        try {
          server.listen({ host, port: chosen });
          await once(server, "listening");
        } catch (error) {
          // A name may stand for an address that this machine does not have, ::1 where IPv6 is off.
          if (!["EADDRNOTAVAIL", "EAFNOSUPPORT"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
          absent = error;
          continue;
        }
        servers.push(server);
        chosen = (server.address() as AddressInfo).port;
      }
      if (servers.length === 0) throw absent;
    } catch (error) {
      await new Listeners(servers, scheme, null).close();
      throw error;
    }
    return new Listeners(servers, scheme, null);
  }

  /** Where the first of them listens. */
  get url(): string {
    const { address, family, port } = this.servers[0]!.address() as AddressInfo;
    return `${this.scheme}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /** Takes no more connections. Resolves when those that there are have closed. */
  close(): Promise<unknown> {
    this.#closed ??= Promise.all([
      this.socket?.remove(),
      ...this.servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    ]);
    return this.#closed;
  }
}

async function resolve({ host, port, foreign: open, lookup }: ListenOptions): Promise<string[]> {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) !== 0) return [bare];
  const find: Lookup = lookup ?? ((name) => systemLookup(name, { all: true }));
  const found = await find(bare).catch((error: unknown) => {
    throw nodeErrors.listenFailed(host, port, error);
  });
  const addresses = [...new Set(found.map(({ address }) => address))];
  const foreign = open ? undefined : addresses.find((address) => !isLoopback(address));
  if (foreign !== undefined || addresses.length === 0) throw nodeErrors.listenForeign(host, foreign ?? null);
  return addresses;
}
