import type { Logger } from "@aspen/plugin-api";
import type { JobQueue, Maintained, QueueSignal } from "../queue/contract.js";

/** Intervals between two looks at a queue that has nothing to be looked after. */
const REST_INTERVALS = 20;
/** Milliseconds within which one of several processes, each at a moment of its own, does what is due. */
const SPREAD_MS = 100;
/** Milliseconds between two looks, when more is due than one look does. */
const GAP_MS = 20;
/** Milliseconds after a look that failed. */
const RETRY_MS = 1000;

export interface MaintainerParts {
  readonly queue: JobQueue;
  readonly logger: Logger;
  /** Milliseconds between two looks, of all processes together, when nothing is known to be due. */
  readonly maintainMs: number;
  /** Jobs that only this process can run; null: another process may have the queue open. */
  readonly keep: () => ReadonlySet<string> | null;
  /** Called after each look. */
  onMaintained(maintained: Maintained): void;
}

/**
 * Has the queue do what is due: at the time that a hint, or the look before, gave for it, and now and then in case that a
 * hint was lost. Whoever looked tells the others, which then need not.
 */
export class Maintainer implements AsyncDisposable {
  readonly #parts: MaintainerParts;
  readonly #closed = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | null = null;
  /** When something is due, as far as is known; milliseconds since the Unix epoch. */
  #dueAt: number | null = null;
  /** When to look although nothing is known to be due. */
  #lookAt = 0;
  #notBefore = 0;

  constructor(parts: MaintainerParts) {
    this.#parts = parts;
  }

  /** Looks for the first time. */
  start(): void {
    this.#plan();
  }

  hear(signal: QueueSignal): void {
    if (signal.kind === "due") {
      this.#dueAt = earlier(this.#dueAt, signal.at);
      // There is something to be looked after again.
      this.#lookAt = Math.min(this.#lookAt, this.#after(this.#parts.maintainMs));
      this.#plan();
    } else if (signal.kind === "maintained") this.#learn(signal.at, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #learn(at: number, { nextAt, idle }: Pick<Maintained, "nextAt" | "idle">): void {
    // What somebody told to be due later may have come after the look.
    const told = this.#dueAt !== null && this.#dueAt > at ? this.#dueAt : null;
    this.#dueAt = nextAt === null ? told : earlier(told, nextAt);
    this.#lookAt = this.#after(this.#parts.maintainMs * (idle ? REST_INTERVALS : 1));
    this.#plan();
  }

  /** Another moment for each process, so that mostly one looks, and the others hear of it. */
  #after(intervalMs: number): number {
    return Date.now() + intervalMs * (1 + Math.random() / 2);
  }

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#closed.signal.aborted || this.#looking) return;
    const spread = this.#parts.keep() ? 0 : Math.random() * SPREAD_MS;
    const at = this.#dueAt === null ? this.#lookAt : Math.min(this.#lookAt, this.#dueAt + spread);
    const wait = Math.max(at, this.#notBefore) - Date.now();
    this.#timer = setTimeout(
      () => {
        this.#looking = this.#look();
      },
      Math.max(1, Math.min(wait, 2 ** 31 - 1)),
    ).unref();
  }

  async #look(): Promise<void> {
    const { queue, logger, keep, onMaintained } = this.#parts;
    const kept = keep();
    const at = Date.now();
    try {
      const maintained = await queue.maintain({ ...(kept ? { keep: kept } : {}), signal: this.#closed.signal });
      this.#notBefore = Date.now() + GAP_MS;
      this.#learn(at, maintained);
      onMaintained(maintained);
    } catch (error) {
      this.#notBefore = Date.now() + RETRY_MS;
      this.#dueAt = earlier(this.#dueAt, at);
      logger.warn({ error }, "the job queue could not be looked after");
    } finally {
      this.#looking = null;
      this.#plan();
    }
  }
}

function earlier(one: number | null, other: number): number {
  return one === null ? other : Math.min(one, other);
}
