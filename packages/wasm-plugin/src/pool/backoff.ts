/** Milliseconds after the first failure, and at most. */
const FIRST_MS = 100;
const LONGEST_MS = 30_000;

/** Time between tries of something that may fail again and again: doubled with each failure. */
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
