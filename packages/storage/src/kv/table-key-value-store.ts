import { decodeUtf8, namespaceOf } from "@aspen/plugin-api/abi";
import { bytesEqual, compareBytes, copyBytes } from "../bytes.js";
import { storageErrors } from "../errors.js";
import { appendsOf, keyOfOp } from "./append.js";
import { decodeCursor, encodeCursor } from "./cursor.js";
import type {
  CasResult,
  Check,
  KeyValueStore,
  KvEntry,
  KvEvent,
  PutOptions,
  ScanOptions,
  ScanPage,
  Transaction,
  TxResult,
  Version,
  WatchOptions,
} from "./key-value-store.js";
import { MemoryChangeLog } from "./memory-change-log.js";
import type { Row } from "./row.js";
import {
  expiryOf,
  validateKey,
  validateKeys,
  validateLimit,
  validatePrefix,
  validateSwap,
  validateTransaction,
  validateValue,
} from "./validate.js";
import { type Change, watchStore } from "./watch.js";

/** The longest delay that a timer takes. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Where a store of one process keeps its rows. Every method is synchronous, so that what the store does between
 * two of its awaits is atomic. A `Map` has the first three; {@link MemoryTable} is the shortest implementation.
 */
export interface Table {
  get(key: string): Row | undefined;
  set(key: string, row: Row): unknown;
  delete(key: string): unknown;
  /** The keys that start with `prefix`, in any order. */
  keys(prefix: string): Iterable<string>;
  /**
   * The same keys in the order of their UTF-8 bytes. The table is not changed while they are read, and not all of them may be.
   * @default `keys`, all of them read and sorted for each page of a scan
   */
  inOrder?(prefix: string, from: OrderedFrom): Iterable<string>;
  /** Version of a namespace; 0 when it was never written. */
  version(namespace: string): Version;
  setVersion(namespace: string, version: Version): void;
}

/** Where {@link Table.inOrder} begins. */
export interface OrderedFrom {
  /** Only the keys behind this one, which starts with the prefix and need not be there; null: all. */
  readonly after: string | null;
  /** The last key first; then those "behind" another come before it. */
  readonly reverse: boolean;
}

/** What a store over a table does for its maintenance. */
export interface TableOperations {
  /** The row unless it has expired. */
  row(key: string): Row | undefined;
  nextVersion(namespace: string): Version;
  write(key: string, value: Uint8Array, expiresAt: number, version: Version): void;
  /** Tells watches; the changes are of one version. */
  log(changes: readonly { version: Version; key: string; value: Uint8Array | null }[]): void;
  /** Versions were left out: watches begin anew. */
  discontinue(namespace: string): void;
  /** @throws AspenError `STORE_UNAVAILABLE` */
  assertOpen(): void;
}

/** The whole contract over a table: checks, versions, expiry, transactions and, in memory, the past for watches. */
export class TableKeyValueStore implements KeyValueStore {
  readonly #changes = new MemoryChangeLog((namespace) => {
    this.#assertOpen();
    return this.table.version(namespace);
  });
  #closed = false;

  constructor(private readonly table: Table) {}

  async get(key: string): Promise<KvEntry | null> {
    validateKey(key);
    return this.#entry(key);
  }

  async getMany(keys: readonly string[]): Promise<(KvEntry | null)[]> {
    validateKeys(keys);
    return keys.map((key) => this.#entry(key));
  }

  async put(key: string, value: Uint8Array, options?: PutOptions): Promise<Version> {
    validateKey(key);
    validateValue(key, value);
    const expiresAt = expiryOf(options, Date.now());
    this.#assertOpen();
    const version = this.#nextVersion(namespaceOf(key));
    this.#write(key, value, expiresAt, version);
    this.#log([{ version, key, value }]);
    return version;
  }

  async delete(key: string): Promise<boolean> {
    validateKey(key);
    if (!this.#entry(key)) return false;
    const version = this.#nextVersion(namespaceOf(key));
    this.table.delete(key);
    this.#log([{ version, key, value: null }]);
    return true;
  }

  async scan(options: ScanOptions): Promise<ScanPage> {
    validatePrefix(options.prefix);
    const limit = validateLimit(options);
    const after = decodeCursor(options);
    this.#assertOpen();
    const from = { after, reverse: options.reverse ?? false };
    const keys = this.table.inOrder?.(options.prefix, from) ?? sorted(this.table.keys(options.prefix), from);
    const now = Date.now();
    const found: string[] = [];
    const expired: string[] = [];
    for (const key of keys) {
      const { expiresAt } = this.table.get(key)!;
      (expiresAt !== 0 && expiresAt <= now ? expired : found).push(key);
      if (found.length > limit) break;
    }
    // Drops them, now that the keys are read.
    for (const key of expired) this.#row(key);
    const entries = found.slice(0, limit).map((key) => {
      const { value, version } = this.table.get(key)!;
      return { key, value: options.keysOnly ? new Uint8Array(0) : copyBytes(value), version };
    });
    return found.length > limit ? { entries, cursor: encodeCursor(options, entries.at(-1)!.key) } : { entries };
  }

  async compareAndSwap(
    key: string,
    expected: Uint8Array | null,
    next: Uint8Array | null,
    options?: PutOptions,
  ): Promise<CasResult> {
    const { expiresAt } = validateSwap(key, { expected, next, options, now: Date.now() });
    const actual = this.#entry(key);
    if (!bytesEqual(actual?.value ?? null, expected)) {
      return { ok: false, actual: actual && { value: actual.value, version: actual.version } };
    }
    const version = this.#nextVersion(namespaceOf(key));
    if (next) this.#write(key, next, expiresAt, version);
    else this.table.delete(key);
    this.#log([{ version, key, value: next }]);
    return { ok: true, version };
  }

  watch(prefix: string, options?: WatchOptions): AsyncIterable<KvEvent> {
    return watchStore(this, this.#changes, prefix, options);
  }

  async transact(transaction: Transaction): Promise<TxResult> {
    const namespace = validateTransaction(transaction);
    const now = Date.now();
    const expiries = transaction.ops.map((op) => (op.type === "delete" ? 0 : expiryOf(op, now)));
    this.#assertOpen();
    const failed = transaction.checks.findIndex((check) => !this.#holds(check));
    if (failed >= 0) return { ok: false, failed };
    if (namespace === null) return { ok: true, version: 0, appended: [] };
    if (transaction.ops.length === 0) return { ok: true, version: this.table.version(namespace), appended: [] };
    const version = this.#nextVersion(namespace);
    const changes = transaction.ops.map((op, place) => ({
      version,
      key: keyOfOp(op, version, place),
      value: op.type === "delete" ? null : op.value,
    }));
    for (const [index, { key, value }] of changes.entries()) {
      if (value) this.#write(key, value, expiries[index]!, version);
      else this.table.delete(key);
    }
    this.#log(changes);
    return { ok: true, version, appended: appendsOf(transaction.ops)(version) };
  }

  /** For maintenance of the whole store. */
  operations(): TableOperations {
    return {
      row: (key) => this.#row(key),
      nextVersion: (namespace) => this.#nextVersion(namespace),
      write: (key, value, expiresAt, version) => this.#write(key, value, expiresAt, version),
      log: (changes) => this.#log(changes),
      discontinue: (namespace) => this.#changes.discontinue(namespace),
      assertOpen: () => this.#assertOpen(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#changes.close();
  }

  #holds(check: Check): boolean {
    const entry = this.#entry(check.key);
    return "version" in check ? entry?.version === check.version : bytesEqual(entry?.value ?? null, check.value);
  }

  #row(key: string): Row | undefined {
    this.#assertOpen();
    const row = this.table.get(key);
    if (!row || row.expiresAt === 0 || row.expiresAt > Date.now()) return row;
    this.table.delete(key);
    this.#log([{ version: this.#nextVersion(namespaceOf(key)), key, value: null, expired: true }]);
    return undefined;
  }

  #entry(key: string): KvEntry | null {
    const row = this.#row(key);
    return row ? { key, value: copyBytes(row.value), version: row.version } : null;
  }

  #write(key: string, value: Uint8Array, expiresAt: number, version: Version): void {
    const row: Row = { value: copyBytes(value), version, expiresAt };
    this.table.set(key, row);
    if (expiresAt !== 0) this.#expireLater(key, row);
  }

  /** A timer may fire before its time on the clock that decides, and has a longest delay: it is set until it is due. */
  #expireLater(key: string, row: Row): void {
    const check = () => {
      if (!this.#closed && this.table.get(key) === row && this.#row(key)) this.#expireLater(key, row);
    };
    setTimeout(check, Math.min(Math.max(1, row.expiresAt - Date.now()), MAX_DELAY_MS)).unref();
  }

  #log(changes: readonly (Omit<Change, "expired"> & { expired?: boolean })[]): void {
    const [first] = changes;
    if (!first || !this.#changes.keeps(namespaceOf(first.key))) return;
    const kept = changes.map((change) => ({
      expired: false,
      ...change,
      value: change.value && copyBytes(change.value),
    }));
    this.#changes.append(namespaceOf(first.key), kept);
  }

  #nextVersion(namespace: string): Version {
    const version = this.table.version(namespace) + 1;
    this.table.setVersion(namespace, version);
    return version;
  }

  #assertOpen(): void {
    if (this.#closed) throw storageErrors.unavailable("it is closed");
  }
}

/** As {@link Table.inOrder}, of keys in any order. */
function sorted(keys: Iterable<string>, { after, reverse }: OrderedFrom): string[] {
  const sign = reverse ? -1 : 1;
  const last = after === null ? null : Buffer.from(after);
  return [...keys]
    .map((key) => Buffer.from(key))
    .filter((key) => last === null || sign * compareBytes(key, last) > 0)
    .sort((a, b) => sign * compareBytes(a, b))
    .map((key) => decodeUtf8(key));
}
