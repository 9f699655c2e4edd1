import { forgeErrors } from "../errors.js";

/** Lets only so many work at once; the others wait in their order. */
export class Slots {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(
    private readonly most: number,
    private readonly waitingMost: number,
  ) {}

  /** Resolves when there is room, with what gives it back. @throws AspenError `RATE_LIMITED`, `CANCELLED` */
  async take(signal: AbortSignal): Promise<Disposable> {
    if (signal.aborted) throw forgeErrors.cancelled();
    if (this.#running < this.most) this.#running += 1;
    else await this.#turn(signal);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#release();
        held = false;
      },
    };
  }

  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.waitingMost) return Promise.reject(forgeErrors.busy(this.#waiting.length));
    return new Promise((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1);
        reject(forgeErrors.cancelled());
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#waiting.push(begin);
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running -= 1;
  }
}
