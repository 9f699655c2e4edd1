import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "@aspen/feature";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import { isFinished } from "../../job-states.js";
import type { QueueSignal } from "../contract.js";
import { putRepeatably } from "./outcome.js";
import type { JobRecord } from "./record.js";

/** Milliseconds within which a type is told of once, however many of its jobs come. */
const QUIET_MS = 20;
/** Milliseconds for which a cancel, or what is due, is told to those who begin to listen. */
const HINT_TTL_MS = 60_000;
const RETRY_MS = 1000;

export interface SignalsParts {
  readonly kv: KeyValueStore;
  /** Such as `__jobs-signal:`. */
  readonly namespace: string;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

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
  /** Under which this process tells when something is due: another's word must not be written over. */
  readonly #name = randomUUID();
  readonly #parts: SignalsParts;
  #count = 0;
  /** When the next thing is due that everybody has been told of, as far as is known. */
  #dueAt: number | null = null;

  constructor(parts: SignalsParts) {
    this.#parts = parts;
  }

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

  /** Tells what follows from a change of a job: that it can be claimed, or when it is due. */
  changed(record: JobRecord): void {
    const { status, type, waitingFor, readyAt, leaseUntil } = record;
    if (status === "pending" && waitingFor.length === 0) this.#ready(type);
    else if (status === "scheduled" || status === "retrying") this.#due(readyAt);
    else if (status === "running") this.#due(leaseUntil);
    else this.ended(record);
  }

  /** Tells this process alone: the end is noted, and found by all who look. */
  ended({ id, status, tell }: JobRecord): void {
    if (tell && isFinished(status)) this.#tell({ kind: "ended", id });
  }

  maintained(look: Omit<Extract<QueueSignal, { kind: "maintained" }>, "kind">): void {
    this.#tell({ kind: "maintained", ...look });
    void this.#write("maintained", JSON.stringify(look));
  }

  /** Later than what is due anyway need not be told: who looks then finds it. */
  #due(at: number): void {
    if (this.#dueAt !== null && this.#dueAt <= at && this.#dueAt > this.#parts.clock.now()) return;
    this.#tell({ kind: "due", at });
    void this.#write(`due:${this.#name}`, String(at), HINT_TTL_MS);
  }

  #ready(type: string): void {
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
      if (again && !this.#closed.signal.aborted) this.#ready(type);
    });
  }

  cancel(id: string): void {
    this.#tell({ kind: "cancel", id });
    void this.#write(`cancel:${id}`, "", HINT_TTL_MS);
  }

  /** @throws AspenError what the store throws: unlike the others, this hint is not made good by itself within a minute */
  async schedules(): Promise<void> {
    await putRepeatably(this.#parts.kv, `${this.#parts.namespace}schedules`, encodeUtf8(randomUUID()));
    this.#tell({ kind: "schedules" });
  }

  [Symbol.dispose](): void {
    this.#closed.abort();
    this.#watching?.abort();
    this.#listeners.clear();
  }

  #tell(signal: QueueSignal): void {
    if (signal.kind === "due") this.#dueAt = Math.min(this.#dueAt ?? signal.at, signal.at);
    else if (signal.kind === "maintained" && (this.#dueAt ?? 0) <= signal.at) this.#dueAt = signal.nextAt;
    for (const listener of [...this.#listeners]) listener(signal);
  }

  async #write(key: string, value: string, ttlMs?: number): Promise<void> {
    if (this.#closed.signal.aborted) return;
    try {
      await this.#parts.kv.put(this.#parts.namespace + key, encodeUtf8(value), ttlMs === undefined ? {} : { ttlMs });
    } catch (error) {
      this.#parts.onError(error);
    }
  }

  async #watch(): Promise<void> {
    const watching = new AbortController();
    this.#watching = watching;
    const { signal } = watching;
    while (!signal.aborted && !this.#closed.signal.aborted) {
      try {
        for await (const event of this.#parts.kv.watch(this.#parts.namespace, { signal })) {
          if (event.type === "entry" || event.type === "put") {
            this.#hear(event.key.slice(this.#parts.namespace.length), decodeUtf8(event.value));
          }
        }
      } catch (error) {
        this.#parts.onError(error);
      }
      // Something may have been missed: the next watch begins with all that there is.
      if (!signal.aborted) await delay(RETRY_MS, undefined, { ref: false, signal }).catch(() => undefined);
    }
  }

  #hear(key: string, value: string): void {
    if (key.startsWith("ready:")) this.#tell({ kind: "ready", type: key.slice("ready:".length) });
    else if (key.startsWith("cancel:")) this.#tell({ kind: "cancel", id: key.slice("cancel:".length) });
    else if (key.startsWith("due:")) this.#tell({ kind: "due", at: Number(value) });
    else if (key === "schedules") this.#tell({ kind: "schedules" });
    else if (key === "maintained") this.#tell({ kind: "maintained", ...JSON.parse(value) });
  }
}
