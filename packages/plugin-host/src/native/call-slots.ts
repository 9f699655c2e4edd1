import { callErrors } from "../errors.js";

/** Calls of one plugin that may wait; one more is refused. */
const WAITING_MAX = 10_000;

/** Lets as many calls of a plugin run at once as it has instances elsewhere; the others wait in their order. */
export class CallSlots {
  readonly #waiting: (() => void)[] = [];
  readonly #idle = new Set<() => void>();
  #running = 0;

  constructor(
    private readonly plugin: string,
    private readonly most: number,
  ) {}

  /** Resolves when the call may run. @throws AspenError `PLUGIN_UNAVAILABLE`, `CANCELLED` */
  async take(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw callErrors.cancelled(this.plugin);
    if (this.#running < this.most) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= WAITING_MAX) {
      throw callErrors.unavailable(this.plugin, `${WAITING_MAX} calls are waiting already; try again later`);
    }
    await new Promise<void>((resolve, reject) => {
      const begin = () => {
        signal?.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1);
        reject(callErrors.cancelled(this.plugin));
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#waiting.push(begin);
    });
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running -= 1;
    if (this.#running === 0) for (const resolve of this.#idle) resolve();
  }

  /** Resolves when no call runs or waits, or when the signal aborts. */
  async idle(signal: AbortSignal): Promise<void> {
    if (this.#running === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#idle.add(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
