import { every, type Loop } from "@aspen/plugin-api";
import type { KeyValueStore, Transaction, TxResult } from "@aspen/storage";
import { layersErrors } from "./errors.js";

/** A lease that was acquired. It is renewed at a third of its TTL until it is released or lost. */
export interface Lease extends AsyncDisposable {
  readonly key: string;
  /**
   * Grows with each holder of the key, also across restarts. A fail-over that undoes acknowledged writes may give one again;
   * `fencedTransact` keeps the two holders apart, other receivers of the token cannot.
   */
  readonly fencingToken: number;
  /** Aborted when the lease is released, or lost: with `LEASE_LOST`, at nine tenths of the TTL after the last renewal was sent. */
  readonly signal: AbortSignal;
  /** False as soon as another may hold it, by the monotonic clock of this process. */
  readonly held: boolean;
  /**
   * Applies a transaction in the lease's namespace only if this is still the holder, which the store itself decides,
   * whatever `held` says.
   * `failed` counts the checks of `transaction`.
   *
   * @throws AspenError `LEASE_LOST` when it is not, or what the store throws
   */
  fencedTransact(transaction: Transaction): Promise<TxResult>;
  /** Lets others have it; also done by disposing. A second call does nothing. @throws AspenError what the store throws; the TTL ends the lease then */
  release(): Promise<void>;
}

export interface AcquiredLease {
  key: string;
  tokenKey: string;
  fencingToken: number;
  token: Uint8Array;
  record: Uint8Array;
  ttlMs: number;
  /** `performance.now()` before the request that acquired it was sent. */
  sentAt: number;
}

/** The part of the TTL after which a lease counts as lost; the rest allows for clocks of different speed. */
const SAFE_PART = 0.9;

export class HeldLease implements Lease {
  readonly #kv: KeyValueStore;
  readonly #lease: AcquiredLease;
  readonly #ended = new AbortController();
  readonly #renewing: Loop;
  #heldUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #released: Promise<void> | undefined;
  #failure: unknown;

  constructor(kv: KeyValueStore, lease: AcquiredLease) {
    this.#kv = kv;
    this.#lease = lease;
    this.#renewing = every(lease.ttlMs / 3, () => this.#renew(), {
      signal: this.signal,
      onError: (error) => {
        this.#failure = error;
      },
    });
    this.#extend(lease.sentAt);
  }

  get key(): string {
    return this.#lease.key;
  }

  get fencingToken(): number {
    return this.#lease.fencingToken;
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  get held(): boolean {
    return !this.signal.aborted && performance.now() < this.#heldUntil;
  }

  async fencedTransact({ checks, ops }: Transaction): Promise<TxResult> {
    const { key, tokenKey, token, record } = this.#lease;
    if (this.signal.aborted) throw this.signal.reason;
    const fence = [
      { key: tokenKey, value: token },
      { key, value: record },
    ];
    const result = await this.#kv.transact({ checks: [...fence, ...checks], ops });
    if (result.ok) return result;
    if (result.failed >= fence.length) return { ok: false, failed: result.failed - fence.length };
    this.#end("its TTL was over");
    throw this.signal.reason;
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #release(): Promise<void> {
    this.#end("it was released");
    await this.#renewing[Symbol.asyncDispose]();
    await this.#kv.compareAndSwap(this.#lease.key, this.#lease.record, null);
  }

  async #renew(): Promise<void> {
    const { key, record, ttlMs } = this.#lease;
    const sentAt = performance.now();
    const { ok } = await this.#kv.compareAndSwap(key, record, record, { ttlMs });
    if (ok) this.#extend(sentAt);
    else this.#end("its TTL was over");
  }

  #extend(sentAt: number): void {
    if (this.signal.aborted) return;
    this.#failure = undefined;
    this.#heldUntil = sentAt + this.#lease.ttlMs * SAFE_PART;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.#end("it could not be renewed in time"),
      Math.max(0, this.#heldUntil - performance.now()),
    ).unref();
  }

  #end(why: string): void {
    clearTimeout(this.#timer);
    if (!this.signal.aborted) this.#ended.abort(layersErrors.leaseLost(this.key, why, this.#failure));
  }
}
