import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { QueueSignal } from "../contract.js";
import type { BullMqConnection } from "./connection.js";
import type { RedisSubscriber } from "./redis-like.js";

/** Milliseconds within which a type is told of once, however many of its jobs come. */
const QUIET_MS = 20;
/** Milliseconds for which a cancel is told to those who begin to listen. */
const CANCEL_MS = 60_000;

type Hint = QueueSignal | { readonly kind: "finished"; readonly id: string };
type Listener = (hint: Hint) => void;

/**
 * Hints between the processes of a queue, over a channel of Redis. A hint that is lost is made good by who looks now and
 * then; whoever begins to listen, or had lost the connection, is told to look at all types.
 */
export class BullMqSignals implements Disposable {
  readonly #bull: BullMqConnection;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<Listener>();
  readonly #quiet = new Map<string, "quiet" | "again">();
  /** Tells the hints of this process, which it has heard, from those of others. */
  readonly #name = randomUUID();
  #subscriber: RedisSubscriber | null = null;
  #closed = false;
  #dueAt: number | null = null;

  constructor(bull: BullMqConnection, onError: (error: unknown) => void) {
    this.#bull = bull;
    this.#onError = onError;
  }

  subscribe(listener: Listener): Disposable {
    // Each call is a subscription of its own, also with the same function.
    const own: Listener = (hint) => listener(hint);
    this.#listeners.add(own);
    this.#subscriber ??= this.#listen();
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(own);
        if (this.#listeners.size === 0) this.#unlisten();
      },
    };
  }

  ready(type: string): void {
    if (this.#quiet.has(type)) {
      this.#tell({ kind: "ready", type });
      this.#quiet.set(type, "again");
      return;
    }
    this.#quiet.set(type, "quiet");
    this.#send({ kind: "ready", type });
    void delay(QUIET_MS, undefined, { ref: false }).then(() => {
      const again = this.#quiet.get(type) === "again";
      this.#quiet.delete(type);
      if (again && !this.#closed) this.ready(type);
    });
  }

  /** Later than what is due anyway need not be told: who looks then finds it. */
  due(at: number): void {
    if (this.#dueAt !== null && this.#dueAt <= at && this.#dueAt > Date.now()) return;
    this.#send({ kind: "due", at });
  }

  maintained(look: Omit<Extract<QueueSignal, { kind: "maintained" }>, "kind">): void {
    this.#send({ kind: "maintained", ...look });
  }

  async cancel(id: string): Promise<void> {
    const { names } = this.#bull;
    const now = Date.now();
    await this.#bull.call("ZADD", names.cancels, now, id);
    await this.#bull.call("ZREMRANGEBYSCORE", names.cancels, "-inf", now - CANCEL_MS);
    this.#send({ kind: "cancel", id });
  }

  finished(id: string): void {
    this.#send({ kind: "finished", id });
  }

  /** Tells this process alone: who looks finds the end. */
  ended(id: string): void {
    this.#tell({ kind: "ended", id });
  }

  schedules(): void {
    this.#send({ kind: "schedules" });
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#listeners.clear();
    this.#unlisten();
  }

  #send(hint: Hint): void {
    this.#tell(hint);
    if (this.#closed) return;
    const message = JSON.stringify({ ...hint, from: this.#name, queue: this.#bull.identity });
    this.#bull.call("PUBLISH", this.#bull.names.signals, message).catch(this.#onError);
  }

  #tell(hint: Hint): void {
    if (hint.kind === "due") this.#dueAt = Math.min(this.#dueAt ?? hint.at, hint.at);
    else if (hint.kind === "maintained" && (this.#dueAt ?? 0) <= hint.at) this.#dueAt = hint.nextAt;
    for (const listener of [...this.#listeners]) listener(hint);
  }

  #listen(): RedisSubscriber {
    const subscriber = this.#bull.redis.duplicate();
    const { signals } = this.#bull.names;
    subscriber.on("error", this.#onError);
    subscriber.on("message", (_, message) => this.#hear(message));
    const begin = () => {
      // It may be a connection that was lost: what was told meanwhile is not told again.
      subscriber
        .subscribe(signals)
        .then(() => this.#catchUp())
        .catch((error) => {
          if (this.#subscriber === subscriber) this.#onError(error);
        });
    };
    subscriber.on("ready", begin);
    return subscriber;
  }

  #unlisten(): void {
    this.#subscriber?.disconnect();
    this.#subscriber = null;
  }

  async #catchUp(): Promise<void> {
    const { names } = this.#bull;
    for (const type of await this.#bull.queues()) this.#tell({ kind: "ready", type });
    const cancels = await this.#bull.call("ZRANGEBYSCORE", names.cancels, Date.now() - CANCEL_MS, "+inf");
    for (const id of cancels as string[]) this.#tell({ kind: "cancel", id });
  }

  #hear(message: string): void {
    try {
      const { from, queue, ...hint } = JSON.parse(message) as Record<string, unknown>;
      if (from !== this.#name && queue === this.#bull.identity) this.#tell(hint as unknown as Hint);
    } catch (error) {
      // Whoever may publish can publish anything.
      this.#onError(error);
    }
  }
}
