import type { Logger } from "@aspen/plugin-api";
import type { DeniedEvent } from "../host-context/host-function.js";

/** Milliseconds for which repeated denials of one kind become one line. */
const TOGETHER_MS = 10_000;

/** Writes the denials of one plugin: the first of a kind at once, those that follow together, with their number. */
export class DenialLog {
  /** What came since the last line of each kind. There are as many kinds as host functions and codes. */
  readonly #kinds = new Map<string, DeniedEvent | null>();

  constructor(private readonly logger: Logger) {}

  add(event: DeniedEvent): void {
    const kind = `${event.hostFunction} ${event.code}`;
    const before = this.#kinds.get(kind);
    if (before === undefined) this.#write(kind, event);
    else this.#kinds.set(kind, { ...event, count: event.count + (before?.count ?? 0) });
  }

  #write(kind: string, event: DeniedEvent): void {
    this.logger.warn(event, event.count === 1 ? "a plugin was denied a host call" : "a plugin was denied host calls");
    this.#kinds.set(kind, null);
    setTimeout(() => {
      const since = this.#kinds.get(kind);
      if (since) this.#write(kind, since);
      else this.#kinds.delete(kind);
    }, TOGETHER_MS).unref();
  }
}
