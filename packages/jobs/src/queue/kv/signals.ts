import { setTimeout as delay } from "node:timers/promises";
import { encodeUtf8 } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import type { QueueSignal } from "../contract.js";

/** Milliseconds within which a type is told of once, however many of its jobs come. */
const QUIET_MS = 20;
/** Milliseconds for which a cancel is told to those who begin to listen. */
const CANCEL_TTL_MS = 60_000;
const RETRY_MS = 1000;

type Listener = (signal: QueueSignal) => void;

/**
 * Hints between the processes of a queue, in a namespace of their own: that of the jobs is not watched, since a watch
 * costs each write something. A hint that is lost is made good by who looks now and then.
 */
export class Signals implements Disposable {
  readonly #listeners = new Set<Listener>();
  readonly #quiet = new Map<string, "quiet" | "again">();
  readonly #closed = new AbortController();
  #watching: AbortController | null = null;
  #count = 0;

  /** @param namespace such as `__jobs-signal:` */
  constructor(
    private readonly kv: KeyValueStore,
    private readonly namespace: string,
    private readonly onError: (error: unknown) => void,
  ) {}

  subscribe(listener: Listener): Disposable {
    // Each call is a subscription of its own, also with the same function.
    const own: Listener = (signal) => listener(signal);
    this.#listeners.add(own);
    if (!this.#watching) void this.#watch();
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(own);
        if (this.#listeners.size > 0) return;
        this.#watching?.abort();
        this.#watching = null;
      },
    };
  }

  ready(type: string): void {
    this.#tell({ kind: "ready", type });
    if (this.#quiet.has(type)) {
      this.#quiet.set(type, "again");
      return;
    }
    this.#count += 1;
    this.#quiet.set(type, "quiet");
    void this.#write(`ready:${type}`, String(this.#count)).then(async () => {
      await delay(QUIET_MS, undefined, { ref: false });
      const again = this.#quiet.get(type) === "again";
      this.#quiet.delete(type);
      if (again && !this.#closed.signal.aborted) this.ready(type);
    });
  }

  cancel(id: string): void {
    this.#tell({ kind: "cancel", id });
    void this.#write(`cancel:${id}`, "", CANCEL_TTL_MS);
  }

  [Symbol.dispose](): void {
    this.#closed.abort();
    this.#watching?.abort();
    this.#listeners.clear();
  }

  #tell(signal: QueueSignal): void {
    for (const listener of [...this.#listeners]) listener(signal);
  }

  async #write(key: string, value: string, ttlMs?: number): Promise<void> {
    if (this.#closed.signal.aborted) return;
    try {
      await this.kv.put(this.namespace + key, encodeUtf8(value), ttlMs === undefined ? {} : { ttlMs });
    } catch (error) {
      this.onError(error);
    }
  }

  async #watch(): Promise<void> {
    const watching = new AbortController();
    this.#watching = watching;
    const { signal } = watching;
    while (!signal.aborted && !this.#closed.signal.aborted) {
      try {
        for await (const event of this.kv.watch(this.namespace, { signal })) {
          if (event.type === "entry" || event.type === "put") this.#hear(event.key.slice(this.namespace.length));
        }
      } catch (error) {
        this.onError(error);
      }
      // Something may have been missed: the next watch begins with all that there is.
      if (!signal.aborted) await delay(RETRY_MS, undefined, { ref: false, signal }).catch(() => undefined);
    }
  }

  #hear(key: string): void {
    if (key.startsWith("ready:")) this.#tell({ kind: "ready", type: key.slice("ready:".length) });
    else if (key.startsWith("cancel:")) this.#tell({ kind: "cancel", id: key.slice("cancel:".length) });
  }
}
