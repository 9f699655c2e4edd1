/** Turns at the processor, handed out in order. */
export class ComputeSlots {
  #used = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(
    readonly size: number,
    /** Called when a slot has become free and nobody waits for it. */
    private readonly onFree: () => void = () => undefined,
  ) {}

  /** True when a slot is free and nobody waits for one. */
  get free(): boolean {
    return this.#used < this.size && this.#waiting.length === 0;
  }

  /** Takes a slot, also when none is free. */
  take(): void {
    this.#used += 1;
  }

  /** Takes a slot once one is free. */
  async wait(): Promise<void> {
    if (!this.free) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#used += 1;
  }

  /** With `tell` false `onFree` is not called: the caller looks for work itself. */
  release(tell = true): void {
    const next = this.#used <= this.size ? this.#waiting.shift() : undefined;
    if (next) {
      // The slot goes straight to the next in line.
      next();
      return;
    }
    this.#used -= 1;
    if (tell && this.free) this.onFree();
  }
}
