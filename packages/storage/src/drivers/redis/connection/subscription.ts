import { storageErrors } from "../../../errors.js";
import type { SubscriberClient } from "./clients.js";

/** Milliseconds between signs of life, so that a dead connection is noticed although nothing is published. */
const PING_MS = 5000;
const RETRY_MS = { least: 50, most: 1000 };

/** A subscription that is made again, elsewhere if need be, when its connection is lost. */
export class Subscription {
  #client: SubscriberClient | null = null;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #failures = 0;
  #lastError: Error | null = null;
  /** Tells the opener that the subscription listens. */
  #listens: (() => void) | null = null;

  private constructor(
    private readonly connect: () => SubscriberClient,
    private readonly channel: string,
    private readonly listener: (message: string | null) => void,
  ) {}

  /**
   * @param listener gets each message; null when messages may have been missed
   * @param limits `closing` ends the wait before `timeoutMs` are over
   * @throws AspenError `STORE_UNAVAILABLE` when it does not succeed in time
   */
  static async open(
    connect: () => SubscriberClient,
    channel: string,
    listener: (message: string | null) => void,
    { timeoutMs, closing }: { timeoutMs: number; closing: AbortSignal },
  ): Promise<Subscription> {
    if (closing.aborted) throw storageErrors.unavailable("it is closed");
    const subscription = new Subscription(connect, channel, listener);
    let timer: NodeJS.Timeout | undefined;
    let giveUp = (): void => {};
    const listens = new Promise<boolean>((resolve) => {
      subscription.#listens = () => resolve(true);
      giveUp = () => resolve(false);
      timer = setTimeout(giveUp, timeoutMs);
      closing.addEventListener("abort", giveUp, { once: true });
    });
    subscription.#start();
    const inTime = await listens;
    clearTimeout(timer);
    closing.removeEventListener("abort", giveUp);
    if (inTime) return subscription;
    subscription.close();
    if (closing.aborted) throw storageErrors.unavailable("it was closed");
    const reason = subscription.#lastError ? `: ${subscription.#lastError.message}` : "";
    throw storageErrors.unavailable(
      `it cannot be subscribed to within ${timeoutMs} ms${reason}`,
      subscription.#lastError,
    );
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#client?.disconnect();
  }

  #start(): void {
    const client = this.connect();
    this.#client = client;
    let cause: Error | null = null;
    // Errors after the first one only say that the connection is closed.
    const note = (error: Error) => {
      cause ??= error;
      this.#lastError = cause;
    };
    client.on("error", note);
    client.on("message", (_channel, message) => this.listener(message));
    client.on("end", () => this.#restart());
    client.subscribe(this.channel).then(
      () => {
        if (this.#closed) return;
        this.#failures = 0;
        this.#listens?.();
        this.listener(null);
        this.#ping(client);
      },
      (error: Error) => {
        note(error);
        // Its end makes it start again. Ended twice, ioredis would leave a timer of 2 s behind.
        if (!this.#closed) client.disconnect();
      },
    );
  }

  #restart(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    const delay = Math.min(RETRY_MS.least * 2 ** this.#failures, RETRY_MS.most);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#start(), delay);
    // A waiting watch keeps the process alive by itself.
    this.#timer.unref();
  }

  #ping(client: SubscriberClient): void {
    this.#timer = setTimeout(() => {
      // Without an answer the client's own time limit ends the connection, which fires the end event.
      client.ping().then(
        () => client === this.#client && !this.#closed && this.#ping(client),
        () => undefined,
      );
    }, PING_MS);
    this.#timer.unref();
  }
}
