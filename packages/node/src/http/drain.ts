import { randomUUID } from "node:crypto";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { nodeErrors } from "../errors.js";
import { unlessAborted } from "../in-flight.js";
import type { Connection } from "./connection.js";
import type { Connections } from "./connections.js";
import type { Listeners } from "./listeners.js";
import { refusalBytes } from "./refusal.js";

/** How long a connection without a request is kept when the node stops, in milliseconds: its client may be sending one. */
const IDLE_MS = 2000;
/** Longest time for which answers are held back while the listeners close, and between two looks, in milliseconds. */
const HOLD_MS = 1000;
const LOOK_MS = 20;
/** Longest wait for last answers to leave the machine, in milliseconds. */
const FLUSH_MS = 1000;

/** Ends a front in order, so that a client that honours `Connection: close` sees no broken connection. */
export class Drain {
  #held: Promise<void> | null = null;

  constructor(
    private readonly listeners: Listeners,
    private readonly connections: Connections,
  ) {}

  /** Answers wait for this before they are sent, while the listeners close. */
  get held(): Promise<void> | null {
    return this.#held;
  }

  /**
   * From its first moment, every answer says that its connection ends. New connections are still served until every
   * client that was connected has been told and `underWay` has settled; then nobody can connect any more, and who has
   * connected is answered. Resolves when the signal aborts at the latest, with the number of requests that are not answered.
   */
  async run(underWay: Promise<unknown>, signal: AbortSignal): Promise<number> {
    const { connections } = this;
    connections.endWithNextAnswer();
    const before = connections.all();
    await unlessAborted(signal, Promise.all([underWay, closed(before, IDLE_MS)]));
    await this.#closeListeners(before.length > 0, signal);
    await unlessAborted(signal, closed(connections.all(), IDLE_MS));
    return connections.all().reduce((count, { exchanges }) => count + exchanges.length, 0);
  }

  /** Answers who still waits that the node cannot, and closes every connection. */
  async finish(): Promise<void> {
    const { connections } = this;
    connections.endWithNextAnswer();
    const done = this.listeners.close();
    const left = connections.all();
    for (const exchange of left.flatMap(({ exchanges }) => exchanges)) {
      exchange.cut(exchange.request.complete ? nodeErrors.cutShort() : nodeErrors.stopping());
    }
    void closed(left, 0);
    const timer = setTimeout(() => connections.destroy(), FLUSH_MS);
    await done;
    clearTimeout(timer);
  }

  /**
   * A connection that the system has taken and the node has not is reset when its listener closes. A client that waits
   * for an answer does not connect; so answers are held until the clients that had theirs have connected anew.
   */
  async #closeListeners(busy: boolean, deadline: AbortSignal): Promise<void> {
    const closing = async () => {
      const until = performance.now() + HOLD_MS;
      do await delay(LOOK_MS);
      while (this.connections.away > 0 && performance.now() < until && !deadline.aborted);
      await nextTurn();
      void this.listeners.close();
    };
    if (!busy && this.connections.size === 0) return void this.listeners.close();
    this.#held = closing();
    await this.#held;
    this.#held = null;
  }
}

/** Resolves when the connections are closed; one without a request is ended after `idleMs`. */
function closed(connections: readonly Connection[], idleMs: number): Promise<unknown> {
  for (const connection of connections) connection.endWhenIdle(idleMs, (half) => endIdle(connection, half));
  return Promise.all(connections.map(({ closed }) => closed));
}

function endIdle(connection: Connection, halfRequest: boolean): void {
  if (halfRequest) connection.end(refusalBytes(nodeErrors.stopping(), randomUUID()));
  else connection.end();
}
