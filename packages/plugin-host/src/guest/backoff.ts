/** Milliseconds of the first wait, and of the longest. */
const FIRST_MS = 100;
const LONGEST_MS = 30_000;

/** The wait between tries, which doubles with each failure in a row. */
export class Backoff {
  #waitMs = 0;
  #until = 0;

  /** Milliseconds until the next try. */
  get left(): number {
    return Math.max(0, this.#until - performance.now());
  }

  /** Returns the milliseconds until the next try. */
  failed(): number {
    this.#waitMs = Math.min(LONGEST_MS, this.#waitMs * 2 || FIRST_MS);
    this.#until = performance.now() + this.#waitMs;
    return this.#waitMs;
  }

  succeeded(): void {
    this.#waitMs = 0;
    this.#until = 0;
  }
}
