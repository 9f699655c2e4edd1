import { setTimeout as delay } from "node:timers/promises";
import { namespaceOf } from "@aspen/plugin-api";
import { type KeyValueStore, storageErrors } from "@aspen/storage";
import { layersErrors } from "./errors.js";
import { BucketView, type Rate } from "./rate-limit-bucket.js";

export interface RateLimitOptions extends Rate {
  /** Where the buckets are kept: a namespace and what follows it, such as `jobs:limits/`. */
  prefix: string;
  /** Tokens that a node fetches at once when there are so many; it hands them out without asking the store. @default 1 */
  batch?: number;
  /** Buckets that this node remembers; one that is forgotten loses what is left of its batch. @default 10,000 */
  maxKeys?: number;
  /** Milliseconds that never go back, of any origin. @default performance.now */
  monotonicNow?: () => number;
}

export interface RateLimitResult {
  /** False: nothing was taken. */
  ok: boolean;
  /** Whole tokens that this node knows to be left. */
  remaining: number;
  /** Milliseconds after which the same tokens may be there; 0 when they were taken. */
  retryAfterMs: number;
}

interface Waiting {
  tokens: number;
  resolve(result: RateLimitResult): void;
  reject(error: unknown): void;
}

/** A bucket on this node. */
interface Bucket {
  readonly view: BucketView;
  /** Tokens that were taken from the store and not yet handed out. */
  share: number;
  readonly queue: Waiting[];
  running: boolean;
  known: boolean;
}

const MOST_TOKENS = 1_000_000_000;
/** Swaps that are tried before a take fails; each is lost to another node that took tokens. */
const ATTEMPTS = 100;
const LONGEST_WAIT_MS = 64;

/**
 * Token buckets that all nodes of a store share. From one bucket they take at most `capacity` tokens, and `perSecond`
 * more for each second since then, whatever their wall clocks say; with a `batch` each node may hand out up to `batch`
 * tokens later than it took them. The store keeps a bucket until it is full again.
 */
export class RateLimit {
  readonly #kv: KeyValueStore;
  readonly #options: Required<RateLimitOptions>;
  /** The one used last comes last. */
  readonly #buckets = new Map<string, Bucket>();

  /** @throws AspenError `INVALID_PARAMS` when an option is out of range */
  constructor(kv: KeyValueStore, options: RateLimitOptions) {
    const { batch = 1, maxKeys = 10_000, monotonicNow = () => performance.now(), ...rest } = options;
    assertWhole("capacity", rest.capacity, MOST_TOKENS);
    assertWhole("batch", batch, rest.capacity);
    assertWhole("maxKeys", maxKeys, 10_000_000);
    // A bucket that takes longer than a hundred days to fill is no rate but a quota.
    if (!(rest.perSecond > 0 && rest.perSecond <= MOST_TOKENS && rest.capacity / rest.perSecond <= 8_640_000)) {
      throw layersErrors.invalid("perSecond", "must fill the bucket within 100 days, and be at most 1,000,000,000");
    }
    assertPrefix(rest.prefix);
    this.#kv = kv;
    this.#options = { ...rest, batch, maxKeys, monotonicNow };
  }

  /**
   * Takes `tokens` from the bucket `key`, all or none. Takes of one key on one node are served in their order, several
   * with one operation of the store; a refusal needs none once this node knows the bucket.
   *
   * @throws AspenError `INVALID_PARAMS` when `tokens` is no whole number from 1 to the capacity; what the store throws,
   * `STORE_UNAVAILABLE`, `OUTCOME_UNKNOWN` or `KV_CONFLICT`, which may all be tried again: the caller must take it for
   * a refusal
   */
  async take(key: string, tokens = 1): Promise<RateLimitResult> {
    assertWhole("tokens", tokens, this.#options.capacity);
    const bucket = this.#bucketOf(key);
    if (bucket.queue.length === 0 && bucket.share >= tokens) return this.#handOut(bucket, tokens);
    return new Promise((resolve, reject) => {
      bucket.queue.push({ tokens, resolve, reject });
      if (!bucket.running) void this.#serve(key, bucket);
    });
  }

  #bucketOf(key: string): Bucket {
    const known = this.#buckets.get(key);
    const bucket = known ?? {
      view: new BucketView(this.#options),
      share: 0,
      queue: [],
      running: false,
      known: false,
    };
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (!known && this.#buckets.size > this.#options.maxKeys) this.#forgetOldest();
    return bucket;
  }

  #forgetOldest(): void {
    for (const [key, { running }] of this.#buckets) {
      if (running) continue;
      this.#buckets.delete(key);
      return;
    }
  }

  /** Answers all that wait for the bucket. */
  async #serve(key: string, bucket: Bucket): Promise<void> {
    bucket.running = true;
    while (bucket.queue.length > 0) {
      // Those that come while the store is asked are answered in the next round.
      const round = bucket.queue.slice();
      try {
        await this.#fetch(key, bucket, round);
      } catch (error) {
        bucket.known = false;
        for (const { reject } of bucket.queue.splice(0, round.length)) reject(error);
        continue;
      }
      for (const { tokens, resolve } of bucket.queue.splice(0, round.length)) {
        resolve(bucket.share >= tokens ? this.#handOut(bucket, tokens) : this.#refuse(bucket, tokens));
      }
    }
    bucket.running = false;
  }

  /** Takes from the store what the round needs beyond the share, as far as there is. */
  async #fetch(key: string, bucket: Bucket, round: readonly Waiting[]): Promise<void> {
    const { prefix, batch, monotonicNow } = this.#options;
    const storeKey = prefix + key;
    const { view } = bucket;
    if (!bucket.known) {
      const entry = await this.#kv.get(storeKey);
      view.observe(entry?.value ?? null, monotonicNow());
      bucket.known = true;
    }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const now = monotonicNow();
      const available = Math.floor(view.available(now));
      const needed = fitting(round, bucket.share + available) - bucket.share;
      if (needed <= 0) return;
      const taken = Math.min(available, Math.max(needed, batch));
      const { raw, ttlMs } = view.without(taken, now);
      const result = await this.#kv.compareAndSwap(storeKey, view.raw, raw, { ttlMs });
      view.observe(result.ok ? raw : (result.actual?.value ?? null), result.ok ? now : monotonicNow());
      if (result.ok) {
        bucket.share += taken;
        return;
      }
      // Random, so that those who lost together do not meet again.
      await delay(Math.random() * Math.min(2 ** attempt, LONGEST_WAIT_MS));
    }
    throw storageErrors.conflict(storeKey, ATTEMPTS);
  }

  #handOut(bucket: Bucket, tokens: number): RateLimitResult {
    bucket.share -= tokens;
    return { ok: true, remaining: this.#left(bucket), retryAfterMs: 0 };
  }

  #refuse(bucket: Bucket, tokens: number): RateLimitResult {
    const available = bucket.share + bucket.view.available(this.#options.monotonicNow());
    const retryAfterMs = Math.max(1, Math.ceil(bucket.view.msUntil(tokens, available)));
    return { ok: false, remaining: this.#left(bucket), retryAfterMs };
  }

  #left(bucket: Bucket): number {
    return bucket.share + Math.floor(bucket.view.available(this.#options.monotonicNow()));
  }
}

/** The tokens of those in the round who can be served from `tokens`, in their order; who asks for too many is passed over. */
function fitting(round: readonly Waiting[], tokens: number): number {
  return round.reduce((sum, waiting) => (sum + waiting.tokens <= tokens ? sum + waiting.tokens : sum), 0);
}

function assertWhole(field: string, value: number, most: number): void {
  if (!(Number.isInteger(value) && value >= 1 && value <= most)) {
    throw layersErrors.invalid(field, `must be a whole number from 1 to ${most.toLocaleString("en")}`);
  }
}

function assertPrefix(prefix: string): void {
  if (!namespaceOf(prefix).endsWith(":")) {
    throw layersErrors.invalid("prefix", 'must hold a namespace, such as "jobs:limits/"');
  }
}
