import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy that delays what passes and cuts connections, also in the middle of a message and in one direction. */
export class UnrulyProxy implements AsyncDisposable {
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  /** @param next numbers from 0 to 1 that decide what happens */
  static async start(target: number, next: () => number): Promise<UnrulyProxy> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const proxy = new UnrulyProxy(server, (server.address() as { port: number }).port);
    server.on("connection", (near) => proxy.#join(near, createConnection(target, "127.0.0.1"), next));
    return proxy;
  }

  /** Cuts every connection there is. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: Socket, far: Socket, next: () => number): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      // What a cut connection says of it is the point of this proxy.
      from.on("error", () => undefined);
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.on("data", (chunk) => {
        const fate = next();
        if (fate < 0.01) to.destroy();
        else if (fate < 0.02) to.write(chunk.subarray(0, chunk.length / 2), () => to.destroy());
        else if (fate < 0.03) to.end(chunk);
        else if (fate < 0.2) {
          // Nothing may overtake what is delayed.
          from.pause();
          setTimeout(() => {
            to.write(chunk);
            from.resume();
          }, next() * 5);
        } else to.write(chunk);
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, "close");
  }
}
