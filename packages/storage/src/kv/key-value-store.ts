import type { PutOptions, ScanOptions } from "@aspen/plugin-api";

export type { PutOptions, ScanOptions };

/** Version of a namespace at the time of a write; grows with every write to the namespace, at most 2^53-1. */
export type Version = number;

export interface KvEntry {
  key: string;
  value: Uint8Array;
  version: Version;
}

export interface ScanPage {
  /** In byte order of the keys. */
  entries: KvEntry[];
  /** Present when more may follow; good for the same prefix and direction only. `scanCursorAfter` makes one of a key. */
  cursor?: string;
}

export type CasResult =
  | { ok: true; version: Version }
  | { ok: false; actual: { value: Uint8Array; version: Version } | null };

/** What must hold for a transaction to be applied: a version, a value, or (`value: null`) absence. */
export type Check = { key: string; version: Version } | { key: string; value: Uint8Array | null };

/**
 * - `append`: stores the value under `prefix` + the transaction's version as 16 hexadecimal digits + `-` + the place of
 *   the operation in `ops` as 4 decimal digits, from `0000` on. Keys of one prefix are thus in the order of the commits,
 *   which is what logs, queues and outboxes are made of. The prefix must hold a whole namespace, and the key is within
 *   the limit of keys. What somebody else put under that very key is replaced, as by a `put`.
 */
export type Op =
  | { type: "put"; key: string; value: Uint8Array; ttlMs?: number }
  | { type: "delete"; key: string }
  | { type: "append"; prefix: string; value: Uint8Array; ttlMs?: number };

export interface Transaction {
  checks: Check[];
  ops: Op[];
}

/**
 * `appended` has the key of each `append`, in the order of the operations. `failed` is the index of the first check that
 * did not hold; nothing was applied then.
 */
export type TxResult = { ok: true; version: Version; appended: string[] } | { ok: false; failed: number };

export interface WatchOptions {
  /** Only changes after this version of the namespace, without a snapshot. @default none: a snapshot first */
  since?: Version;
  /** Ends the watch; the loop over it ends without an error. */
  signal?: AbortSignal;
}

/**
 * What a watch tells, in this order: an `entry` for each key of the snapshot; `synced`, when the events so far make up
 * the state at `version`; then every change in the order of versions. All changes of one transaction have one version.
 * Changes that happen while the snapshot is read come before `synced`.
 */
export type KvEvent =
  | { type: "entry"; key: string; value: Uint8Array; version: Version }
  | { type: "synced"; version: Version }
  | { type: "put"; key: string; value: Uint8Array; version: Version }
  /** `expired`: its time to live was over. */
  | { type: "delete"; key: string; version: Version; expired?: true };

/**
 * An ordered key-value store. Keys are strings ordered by their UTF-8 bytes, values are bytes.
 * Limits: `LIMITS` of `@aspen/plugin-api`. Versions and transactions are per namespace (`namespaceOf`).
 * `TableKeyValueStore` is the shortest implementation.
 *
 * Every method throws `AspenError`: `KV_KEY_INVALID`, `INVALID_PARAMS`, `PAYLOAD_TOO_LARGE` for bad input,
 * `STORE_UNAVAILABLE` or `OUTCOME_UNKNOWN` when the store fails.
 */
export interface KeyValueStore extends AsyncDisposable {
  get(key: string): Promise<KvEntry | null>;
  /** In the order of `keys` (at most 1,000). */
  getMany(keys: readonly string[]): Promise<(KvEntry | null)[]>;
  put(key: string, value: Uint8Array, options?: PutOptions): Promise<Version>;
  /** True when the key was there. */
  delete(key: string): Promise<boolean>;
  scan(options: ScanOptions): Promise<ScanPage>;
  /**
   * `expected` null: only when absent; `next` null: delete, for which there are no options. Says the actual value on
   * failure. As with `put`, the options alone say how long the entry lives from now on.
   */
  compareAndSwap(
    key: string,
    expected: Uint8Array | null,
    next: Uint8Array | null,
    options?: PutOptions,
  ): Promise<CasResult>;
  /** All or nothing. @throws AspenError `CROSS_NAMESPACE` when the keys are of two namespaces. */
  transact(transaction: Transaction): Promise<TxResult>;
  /**
   * The keys that start with `prefix`, which must hold a whole namespace, and every change to them, without gap
   * or duplicate. A later watch takes the version of the last event as `since`. The store keeps at least the last 10,000
   * changes of a watched namespace, but no more than 16 MiB, for ten minutes after its last watch.
   *
   * @throws AspenError (from the loop) `WATCH_COMPACTED` when the store no longer keeps all changes since `since`,
   * or the loop is too slow
   */
  watch(prefix: string, options?: WatchOptions): AsyncIterable<KvEvent>;
}

/** Reads without waiting, for a thread that may block: what a plugin's worker uses on the embedded store. */
export interface SyncKvReader extends Disposable {
  /** Makes later reads see everything committed until now. */
  refresh(): void;
  get(key: string): KvEntry | null;
  getMany(keys: readonly string[]): (KvEntry | null)[];
  scan(options: ScanOptions): ScanPage;
}
