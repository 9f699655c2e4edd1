import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** Answers like a Sentinel that has not heard of the last fail-over: the primary that it names is gone. */
export class StaleSentinel implements AsyncDisposable {
  readonly #sockets = new Set<Socket>();
  /** Times that it was asked for the primary. */
  asked = 0;

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {
    server.on("connection", (socket) => this.#serve(socket));
  }

  static async start(): Promise<StaleSentinel> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new StaleSentinel(server, (server.address() as AddressInfo).port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, "close");
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("data", (data) => {
      // Commands are arrays of strings; how many began here is all that counts, but for the one question.
      for (const command of data.toString("latin1").split(/(?=^\*\d+\r\n)/m)) {
        if (!/get-master-addr-by-name/i.test(command)) {
          socket.write(/\r\nsentinels\r\n/i.test(command) ? "*0\r\n" : "+OK\r\n");
          continue;
        }
        this.asked += 1;
        // Nothing listens on port 1.
        socket.write("*2\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n");
      }
    });
  }
}
