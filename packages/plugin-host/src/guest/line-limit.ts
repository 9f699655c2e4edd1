/** How many lines about failures of one plugin are written within {@link WINDOW_MS}. */
const LINES = 50;
const WINDOW_MS = 5000;

/** Says which lines are written, so that a plugin that fails in a loop does not flood the log. */
export class LineLimit {
  #written = 0;
  #since = Number.NEGATIVE_INFINITY;
  #leftOut = 0;

  /** How many lines were left out before this one; null when this one is left out, too. */
  pass(): number | null {
    const now = performance.now();
    if (now - this.#since > WINDOW_MS) {
      this.#since = now;
      this.#written = 0;
    }
    if (this.#written >= LINES) {
      this.#leftOut += 1;
      return null;
    }
    this.#written += 1;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}
