import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Exchange } from "./exchange.js";
import { endGently } from "./linger.js";

/** One connection of a client, and what is under way on it. */
export class Connection {
  /** Resolves when it is closed. */
  readonly closed: Promise<unknown>;
  /** In their order, which is that of their answers: what is looked for is nearly always the first. */
  readonly #exchanges: Exchange[] = [];
  /** Bytes that had arrived when the last answer was given. */
  #answeredBytes = 0;
  #told = false;
  #idleEnd: { afterMs: number; end: (halfRequest: boolean) => void } | null = null;
  #idleTimer: NodeJS.Timeout | undefined;
  #idleTurn: NodeJS.Immediate | undefined;

  constructor(readonly socket: Socket) {
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.once("close", () => this.#unwatchIdle());
  }

  /** Requests that have no whole answer yet, in their order. */
  get exchanges(): Exchange[] {
    return [...this.#exchanges];
  }

  exchangeOf(response: ServerResponse): Exchange | undefined {
    return this.#exchanges.find((exchange) => exchange.response === response);
  }

  /** Notes a request. False when it came after the client was told that no further one is answered here. */
  begin(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#told) return false;
    this.#unwatchIdle();
    const onClose = () => {
      this.#exchanges.splice(this.#exchanges.indexOf(exchange), 1);
      this.#answeredBytes = this.socket.bytesRead;
      this.#watchIdle();
    };
    const exchange = new Exchange(request, response, onClose);
    this.#exchanges.push(exchange);
    return true;
  }

  /** True when no later request on this connection waits for an answer. */
  isLast(response: ServerResponse): boolean {
    return this.#exchanges.at(-1)?.response === response;
  }

  /** The client is told, by the answer that is being sent, that the connection ends with it. */
  tell(): void {
    this.#told = true;
  }

  /** Calls `end` as soon as no request has been under way for so long; it learns whether a part of one has arrived. */
  endWhenIdle(afterMs: number, end: (halfRequest: boolean) => void): void {
    this.#idleEnd = { afterMs, end };
    this.#watchIdle();
  }

  /** Ends it, so that what was written arrives, with or without last words. */
  end(lastWords?: string): void {
    this.#told = true;
    if (this.socket.writable) endGently(this.socket, lastWords);
  }

  /** Resolves when the answers to requests that have arrived whole are given. */
  async answered(): Promise<void> {
    const whole = this.exchanges.filter(({ request, response }) => request.complete && !response.closed);
    await Promise.all(whole.map(({ response }) => once(response, "close")));
  }

  #watchIdle(): void {
    this.#unwatchIdle();
    if (this.#idleEnd === null || this.#told || this.#exchanges.length > 0) return;
    const { afterMs, end } = this.#idleEnd;
    this.#idleTimer = setTimeout(() => {
      // What has arrived by now is read first: a busy node may not have come to it.
      this.#idleTurn = setImmediate(() => end(this.socket.bytesRead > this.#answeredBytes));
    }, afterMs);
  }

  #unwatchIdle(): void {
    clearTimeout(this.#idleTimer);
    clearImmediate(this.#idleTurn);
  }
}
