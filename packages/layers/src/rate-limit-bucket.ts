import { randomUUID } from "node:crypto";
import { decodeStrictUtf8, encodeUtf8 } from "@aspen/plugin-api/abi";
import { layersErrors } from "./errors.js";

export interface Rate {
  /** Tokens of a full bucket. */
  capacity: number;
  /** Tokens that come back each second. */
  perSecond: number;
}

/** What the store holds of a bucket; a bucket of which it holds nothing is full. */
interface BucketState {
  /** Differs for each bucket that was started full; times of two of them cannot be compared. */
  id: string;
  /** Milliseconds on the bucket's own clock, which stands at 0 when it is started. */
  at: number;
  /** Tokens in it at that time. */
  tokens: number;
}

/**
 * A bucket as one node sees it.
 *
 * The bucket has a clock of its own that no wall clock moves. Who reads its state knows that the bucket's clock shows at
 * least `at` by then, and counts on from there by its own monotonic clock; it believes the largest of its readings. So no
 * node's reading is ever ahead of the bucket's clock, and tokens never come back early, whatever the nodes' wall clocks
 * say. A reading that lags gives them back late, until the state has expired.
 */
export class BucketView {
  readonly #rate: Rate;
  #raw: Uint8Array | null = null;
  #state: BucketState = { id: "", at: 0, tokens: 0 };
  /** The bucket's clock minus this node's, at least. */
  #offset = 0;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#state.tokens = rate.capacity;
  }

  /** What the store held when it was last heard of. */
  get raw(): Uint8Array | null {
    return this.#raw;
  }

  /** Takes in what the store holds, which was known at `now` on this node's clock. */
  observe(raw: Uint8Array | null, now: number): void {
    this.#raw = raw;
    const before = this.#state.id;
    this.#state = raw === null ? { id: randomUUID(), at: 0, tokens: this.#rate.capacity } : parse(raw);
    const offset = this.#state.at - now;
    this.#offset = this.#state.id === before ? Math.max(this.#offset, offset) : offset;
  }

  /** Tokens in the bucket at `now`, or fewer. */
  available(now: number): number {
    const elapsedMs = Math.max(0, now + this.#offset - this.#state.at);
    return Math.min(this.#rate.capacity, this.#state.tokens + (elapsedMs * this.#rate.perSecond) / 1000);
  }

  /** The state after `tokens` were taken at `now`, and for how long it says more than its absence would. */
  without(tokens: number, now: number): { raw: Uint8Array; ttlMs: number } {
    const left = this.available(now) - tokens;
    const at = Math.max(this.#state.at, now + this.#offset);
    return {
      raw: encodeUtf8(JSON.stringify({ id: this.#state.id, at, tokens: left } satisfies BucketState)),
      ttlMs: Math.max(1, Math.ceil(this.msUntil(this.#rate.capacity, left))),
    };
  }

  /** Milliseconds until there are `tokens`, of which there are `available` now. */
  msUntil(tokens: number, available: number): number {
    return (Math.max(0, tokens - available) * 1000) / this.#rate.perSecond;
  }
}

function parse(raw: Uint8Array): BucketState {
  let state: Partial<BucketState> | null = null;
  try {
    state = JSON.parse(decodeStrictUtf8(raw));
  } catch {
    // Told below.
  }
  const { id, at, tokens } = state ?? {};
  if (typeof id !== "string" || !Number.isFinite(at) || !Number.isFinite(tokens)) {
    throw layersErrors.invalid("key", "holds something else than the state of a rate limit");
  }
  return { id, at: Number(at), tokens: Number(tokens) };
}
