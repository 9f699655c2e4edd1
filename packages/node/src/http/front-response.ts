import { type IncomingMessage, ServerResponse } from "node:http";
import type { Connections } from "./connections.js";
import { discardRest, isArriving } from "./linger.js";

type EndArguments = [chunk?: unknown, encoding?: unknown, callback?: unknown];

/**
 * The class of every answer of a front, for `http.createServer`. It says `Connection: close` where the connection ends
 * with this answer. An answer that is given before its request has arrived leaves at once, and the connection is closed
 * only when the rest was read and thrown away: otherwise the client may see a broken connection instead of the answer.
 * A client that takes nothing of it for `stalledMs` milliseconds is silent, which the server is told by `timeout`.
 */
export function frontResponse(connections: Connections, stalledMs: number): typeof ServerResponse {
  class FrontResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
    #given = false;

    /** What the system has not taken waits for the client: Node's timer starts anew with every byte that goes. */
    #watch(): void {
      const { socket } = this.req;
      if (socket.writableLength > 0) socket.setTimeout(stalledMs);
    }

    override writeHead(...given: unknown[]): this {
      const connection = connections.of(this.req.socket);
      if (connection && (connections.ending || isArriving(this.req)) && connection.isLast(this)) {
        this.setHeader("connection", "close");
        connections.tell(connection);
      }
      return super.writeHead(...(given as Parameters<ServerResponse["writeHead"]>));
    }

    override write(...given: unknown[]): boolean {
      const taken = super.write(...(given as Parameters<ServerResponse["write"]>));
      if (!taken) this.#watch();
      return taken;
    }

    override end(...given: EndArguments): this {
      if (this.#given || !isArriving(this.req) || this.req.socket.destroyed) {
        super.end(...(given as Parameters<ServerResponse["end"]>));
        this.#watch();
        return this;
      }
      this.#given = true;
      const callback = given.find((it) => typeof it === "function") as (() => void) | undefined;
      const [chunk, encoding] = given.filter((it) => typeof it !== "function") as [string | Uint8Array, BufferEncoding];
      if (callback) this.once("finish", callback);
      const body = typeof chunk === "string" ? Buffer.from(chunk, encoding ?? "utf8") : (chunk ?? new Uint8Array());
      // Its length tells the client that the answer is whole, while the connection is still open.
      if (!this.headersSent) this.setHeader("content-length", body.length);
      if (body.length > 0 && this.req.method !== "HEAD") this.write(body);
      else this.flushHeaders();
      void discardRest(this.req).then(() => super.end());
      return this;
    }
  }
  return FrontResponse;
}
