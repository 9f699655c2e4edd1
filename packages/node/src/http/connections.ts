import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Connection } from "./connection.js";
import type { Exchange } from "./exchange.js";
import { noteWay, type Way } from "./way.js";

/** Every open connection of a front, on all its addresses. */
export class Connections {
  readonly #open = new Map<Socket, Connection>();
  /** All of them, with TLS what is below it. */
  readonly #raw = new Set<Socket>();
  #refused = 0;
  #ending = false;
  #told = 0;
  #came = 0;

  /** True from the first moment of a stop: every answer from then on ends its connection. */
  get ending(): boolean {
    return this.#ending;
  }

  get size(): number {
    return this.#raw.size;
  }

  /** Clients that were told since then that their connection ends, and have not made another, as far as it can be counted. */
  get away(): number {
    return Math.max(0, this.#told - this.#came);
  }

  add(socket: Socket, way: Way): void {
    if (this.#ending) this.#came += 1;
    noteWay(socket, way);
    const connection = new Connection(socket);
    this.#open.set(socket, connection);
    socket.once("close", () => this.#open.delete(socket));
  }

  /** Connections that were closed at once, as there were too many. */
  get refused(): number {
    return this.#refused;
  }

  /** Notes a connection, one with TLS before its handshake. */
  take(socket: Socket): void {
    this.#raw.add(socket);
    socket.once("close", () => this.#raw.delete(socket));
  }

  /** Counts a connection that was closed at once. */
  refuse(): void {
    this.#refused += 1;
  }

  /** Closes all of them at once, those included that have not ended their handshake. */
  destroy(): void {
    for (const socket of [...this.#open.keys(), ...this.#raw]) socket.destroy();
  }

  /** See `Connection.tell`. */
  tell(connection: Connection): void {
    if (this.#ending) this.#told += 1;
    connection.tell();
  }

  of(socket: Socket): Connection | undefined {
    return this.#open.get(socket);
  }

  exchangeOf(request: IncomingMessage, response: ServerResponse): Exchange | undefined {
    return this.#open.get(request.socket)?.exchangeOf(response);
  }

  /** Those that are open now. */
  all(): Connection[] {
    return [...this.#open.values()];
  }

  /** From now on every answer says that it is the last of its connection. */
  endWithNextAnswer(): void {
    this.#ending = true;
  }
}
