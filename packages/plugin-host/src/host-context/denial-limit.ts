import type { DeniedEvent } from "./host-function.js";

/** Denials that are reported in a second; more would tell nobody anything new. */
const PER_SECOND = 100;
/** Characters of a denied key that are reported. */
const TARGET_MAX = 256;

/** Passes denials on, at most 100 a second. A later one counts those that were left out. */
export class DenialLimit {
  #reported = 0;
  #since = Number.NEGATIVE_INFINITY;
  #leftOut: DeniedEvent | null = null;

  constructor(private readonly report: (event: DeniedEvent) => void) {}

  add(event: DeniedEvent): void {
    const now = performance.now();
    if (now - this.#since > 1000) {
      this.#reported = 0;
      this.#since = now;
    }
    const count = event.count + (this.#leftOut?.count ?? 0);
    const target = event.target === undefined ? {} : { target: event.target.slice(0, TARGET_MAX) };
    const next = { ...event, ...target, count };
    this.#leftOut = next;
    if (this.#reported < PER_SECOND) this.flush();
  }

  /** Reports what was left out. */
  flush(): void {
    if (!this.#leftOut) return;
    this.#reported += 1;
    this.report(this.#leftOut);
    this.#leftOut = null;
  }
}
