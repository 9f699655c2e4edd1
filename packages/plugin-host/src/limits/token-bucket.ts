/**
 * Tokens that come back with time, in this process alone: what a plugin does on this node must not wait for a store, as
 * `RateLimit` of `@aspen/layers` does.
 */
export class TokenBucket {
  #tokens: number;
  #at: number;

  /** It holds what comes back in one second, and is full at first. */
  constructor(
    readonly perSecond: number,
    now: number,
  ) {
    this.#tokens = perSecond;
    this.#at = now;
  }

  /**
   * Takes tokens. More than it holds are a debt, which is made only when it is full.
   * @param now on a monotonic clock
   * @returns 0, or the milliseconds until they can be taken, when nothing was
   */
  take(tokens: number, now: number): number {
    this.#refill(now);
    const missing = Math.min(tokens, this.perSecond) - this.#tokens;
    if (missing > 0) return Math.max(1, Math.ceil((missing * 1000) / this.perSecond));
    this.#tokens -= tokens;
    return 0;
  }

  /** Takes tokens for what has happened already, as a debt when there are too few. */
  charge(tokens: number, now: number): void {
    this.#refill(now);
    this.#tokens -= tokens;
  }

  #refill(now: number): void {
    this.#tokens = Math.min(this.perSecond, this.#tokens + ((now - this.#at) * this.perSecond) / 1000);
    this.#at = now;
  }
}
