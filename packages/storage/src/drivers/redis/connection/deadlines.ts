/** Calls that have to end in time, with one timer for all of them. */
export class Deadlines {
  readonly #calls = new Map<() => void, number>();
  #timer: NodeJS.Timeout | null = null;
  #timerAt = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#calls.size;
  }

  /** Calls `onLate` at a time of `performance.now`, unless {@link delete} comes first. */
  add(onLate: () => void, at: number): void {
    this.#calls.set(onLate, at);
    if (at < this.#timerAt) this.#arm(at);
    // A timer that was left running keeps the process alive from now on.
    else if (this.#calls.size === 1) this.#timer?.ref();
  }

  delete(onLate: () => void): void {
    this.#calls.delete(onLate);
    // A new timer costs more than one that is left running and finds nothing to do.
    if (this.#calls.size === 0) this.#timer?.unref();
  }

  #arm(at: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#look(), Math.max(1, at - performance.now()));
  }

  #look(): void {
    this.#timer = null;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    const late: (() => void)[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const [onLate, at] of this.#calls) {
      if (at <= now) late.push(onLate);
      else next = Math.min(next, at);
    }
    if (next < Number.POSITIVE_INFINITY) this.#arm(next);
    for (const onLate of late) {
      this.#calls.delete(onLate);
      onLate();
    }
  }
}
