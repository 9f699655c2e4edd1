import { namespaceOf, readU64, writeU64 } from "@aspen/plugin-api/abi";
import { every, type Loop } from "@aspen/plugin-api/every";
import { bytesEqual, copyBytes } from "../../bytes.js";
import { storageErrors } from "../../errors.js";
import { appendedKey, appendsOf, targetOf } from "../../kv/append.js";
import type {
  CasResult,
  Check,
  KeyValueStore,
  KvEntry,
  KvEvent,
  Op,
  PutOptions,
  ScanOptions,
  ScanPage,
  Transaction,
  TxResult,
  Version,
  WatchOptions,
} from "../../kv/key-value-store.js";
import type { Row } from "../../kv/row.js";
import {
  expiryOf,
  validateKey,
  validateKeys,
  validateSwap,
  validateTransaction,
  validateValue,
} from "../../kv/validate.js";
import { watchStore } from "../../kv/watch.js";
import type { StoreMaintenance } from "../../maintenance/contract.js";
import { EmbeddedChangeLog } from "./embedded-change-log.js";
import { EmbeddedMaintenance } from "./embedded-maintenance.js";
import { commit } from "./lmdb/commit.js";
import type { Environment } from "./lmdb/environment.js";
import { entryAt, scanRows } from "./lmdb/row-reads.js";
import { completeRow, decodeRow, encodeRow, expiryKey, HEADER_BYTES, isExpired, prepareRow } from "./lmdb/rows.js";

/** Expired rows that one sweep removes at most, so that it never holds up a write for long. */
const SWEEP_ROWS = 1000;
const SWEEP_INTERVAL_MS = 1000;

/** An ordered key-value store on LMDB. Writes are grouped into commits; each one is all or nothing. */
export class EmbeddedKeyValueStore implements KeyValueStore {
  #closed = false;
  /** The failure of the last sweep, so that the same failure is told once. */
  #sweepFailure: string | null = null;
  readonly #sweeper: Loop;
  readonly #changes: EmbeddedChangeLog;

  constructor(private readonly environment: Environment) {
    this.#sweeper = every(SWEEP_INTERVAL_MS, () => this.#sweep(), { onError: (error) => this.#sweepFailed(error) });
    this.#changes = new EmbeddedChangeLog(environment, {
      write: (work) => this.#write(work),
      versionOf: (namespace) => this.#read(() => this.#version(namespace)),
    });
  }

  async get(key: string): Promise<KvEntry | null> {
    const bytes = validateKey(key);
    return this.#read(() => entryAt(this.environment.rows, key, bytes));
  }

  async getMany(keys: readonly string[]): Promise<(KvEntry | null)[]> {
    const bytes = validateKeys(keys);
    return this.#read(() => keys.map((key, index) => entryAt(this.environment.rows, key, bytes[index]!)));
  }

  async scan(options: ScanOptions): Promise<ScanPage> {
    return this.#read(() => scanRows(this.environment.rows, options));
  }

  async put(key: string, value: Uint8Array, options?: PutOptions): Promise<Version> {
    const bytes = validateKey(key);
    validateValue(key, value);
    const expiresAt = expiryOf(options, Date.now());
    const copy = copyBytes(value);
    return this.#write(() => {
      const version = this.#nextVersion(namespaceOf(key));
      this.#put(bytes, { version, expiresAt, value: copy });
      this.#log(version, [{ key, value: copy }]);
      return version;
    });
  }

  async delete(key: string): Promise<boolean> {
    const bytes = validateKey(key);
    return this.#write(() => {
      if (!this.#row(bytes)) return false;
      const version = this.#nextVersion(namespaceOf(key));
      this.environment.rows.removeSync(bytes);
      this.#log(version, [{ key, value: null }]);
      return true;
    });
  }

  async compareAndSwap(
    key: string,
    expected: Uint8Array | null,
    next: Uint8Array | null,
    options?: PutOptions,
  ): Promise<CasResult> {
    const { bytes, expiresAt } = validateSwap(key, { expected, next, options, now: Date.now() });
    const wanted = expected && copyBytes(expected);
    const value = next && copyBytes(next);
    return this.#write<CasResult>(() => {
      const row = this.#row(bytes);
      if (!bytesEqual(row?.value ?? null, wanted)) {
        return { ok: false, actual: row && { value: row.value, version: row.version } };
      }
      const version = this.#nextVersion(namespaceOf(key));
      if (value) this.#put(bytes, { version, expiresAt, value });
      else this.environment.rows.removeSync(bytes);
      this.#log(version, [{ key, value }]);
      return { ok: true, version };
    });
  }

  async transact(transaction: Transaction): Promise<TxResult> {
    const namespace = validateTransaction(transaction);
    if (namespace === null) return { ok: true, version: 0, appended: [] };
    const [only] = transaction.ops;
    if (only?.type === "append" && transaction.ops.length === 1 && transaction.checks.length === 0) {
      return await this.#append(only, namespace);
    }
    const now = Date.now();
    // Copied before the first await: afterwards the caller may change its bytes.
    const checks = transaction.checks.map((check) => prepareCheck(check));
    const ops = transaction.ops.map((op) => prepareOp(op, now));
    const appended = appendsOf(transaction.ops);
    return this.#write<TxResult>(() => {
      const failed = checks.findIndex((check) => !this.#holds(check));
      if (failed >= 0) return { ok: false, failed };
      if (ops.length === 0) return { ok: true, version: this.#version(namespace), appended: [] };
      const version = this.#nextVersion(namespace);
      const keys = ops.map(({ key, isAppend }, place) => (isAppend ? appendedKey(key, version, place) : key));
      for (const [place, { row, expiresAt }] of ops.entries()) {
        const bytes = Buffer.from(keys[place]!, "utf8");
        if (row) {
          completeRow(row, version);
          this.#putRow(bytes, row, expiresAt);
        } else this.environment.rows.removeSync(bytes);
      }
      if (this.#changes.keeps(namespace)) {
        const changes = ops.map(({ row }, place) => ({
          key: keys[place]!,
          value: row?.subarray(HEADER_BYTES) ?? null,
        }));
        this.#log(version, changes);
      }
      return { ok: true, version, appended: appended(version) };
    });
  }

  watch(prefix: string, options?: WatchOptions): AsyncIterable<KvEvent> {
    return watchStore(this, this.#changes, prefix, options);
  }

  /** Work on all of its databases. */
  maintenance(): StoreMaintenance {
    return new EmbeddedMaintenance({
      environment: this.environment,
      changes: this.#changes,
      write: (work) => this.#write(work),
      read: (work) => this.#read(work),
      version: (namespace) => this.#version(namespace),
      setVersion: (namespace, version) => this.#setVersion(namespace, version),
      put: (key, row) => this.#put(key, row),
      log: (version, changes) => this.#log(version, changes),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#changes.close();
    await this.#sweeper[Symbol.asyncDispose]();
    await this.environment.root.close();
  }

  /** A transaction of one append and no checks: an event, or an entry of a log. There are many, so it is as short as a put. */
  #append({ prefix, value, ttlMs }: Append, namespace: string): Promise<TxResult> {
    const expiresAt = ttlMs === undefined ? 0 : expiryOf({ ttlMs }, Date.now());
    const copy = copyBytes(value);
    return this.#write<TxResult>(() => {
      const version = this.#nextVersion(namespace);
      const key = appendedKey(prefix, version, 0);
      this.#put(Buffer.from(key, "utf8"), { version, expiresAt, value: copy });
      this.#log(version, [{ key, value: copy }]);
      return { ok: true, version, appended: [key] };
    });
  }

  #holds({ bytes, version, value }: PreparedCheck): boolean {
    const row = this.#row(bytes, version === null);
    return version === null ? bytesEqual(row?.value ?? null, value) : row?.version === version;
  }

  #row(bytes: Buffer, withValue = true): Row | null {
    return decodeRow(this.environment.rows.getBinary(bytes), Date.now(), withValue);
  }

  #put(bytes: Buffer, row: Row): void {
    this.#putRow(bytes, encodeRow(row), row.expiresAt);
  }

  #putRow(bytes: Buffer, row: Buffer, expiresAt: number): void {
    this.environment.rows.putSync(bytes, row);
    if (expiresAt !== 0) this.environment.expiries.putSync(expiryKey(expiresAt, bytes), Buffer.alloc(0));
  }

  /** Applies changes of one namespace, in their write transaction. */
  #log(version: Version, changes: readonly { key: string; value: Uint8Array | null; expired?: boolean }[]): void {
    const full = changes.map(({ key, value, expired = false }) => ({ key, value, expired }));
    this.#changes.append(namespaceOf(changes[0]!.key), full, version);
  }

  #version(namespace: string): Version {
    const bytes = this.environment.versions.getBinary(Buffer.from(namespace, "utf8"));
    return bytes ? readU64(bytes) : 0;
  }

  #nextVersion(namespace: string): Version {
    const version = this.#version(namespace) + 1;
    this.#setVersion(namespace, version);
    return version;
  }

  #setVersion(namespace: string, version: Version): void {
    const bytes = Buffer.alloc(8);
    writeU64(bytes, version);
    this.environment.versions.putSync(Buffer.from(namespace, "utf8"), bytes);
  }

  #read<T>(work: () => T): T {
    if (this.#closed) throw storageErrors.unavailable("it is closed");
    this.environment.presence.assertLately();
    return work();
  }

  /** Runs `work` in the next write transaction and resolves once that is committed. */
  async #write<T>(work: () => T): Promise<T> {
    if (this.#closed) throw storageErrors.unavailable("it is closed");
    try {
      const result = await commit(this.environment, work);
      this.#changes.committed();
      return result;
    } catch (error) {
      this.#changes.rolledBack();
      throw error;
    }
  }

  #expire(bytes: Buffer): void {
    const key = bytes.toString("utf8");
    this.environment.rows.removeSync(bytes);
    this.#log(this.#nextVersion(namespaceOf(key)), [{ key, value: null, expired: true }]);
  }

  async #sweep(): Promise<void> {
    await this.#removeExpired();
    this.#sweepFailure = null;
  }

  /** The next sweep makes up for a failed one; only closing the store ends the sweeps. */
  #sweepFailed(error: unknown): void {
    const failure = String(error);
    if (this.#closed || failure === this.#sweepFailure) return;
    this.#sweepFailure = failure;
    process.emitWarning(`expired entries could not be removed: ${failure}`);
  }

  async #removeExpired(): Promise<void> {
    const { expiries, rows } = this.environment;
    const now = Date.now();
    const end = expiryKey(now + 1, new Uint8Array(0));
    const due = this.#read(() => [...expiries.getKeys({ end, limit: SWEEP_ROWS })]) as Buffer[];
    if (due.length === 0) return;
    await this.#write(() => {
      for (const entry of due) {
        const key = entry.subarray(8);
        const row = key.length > 0 ? rows.getBinary(key) : undefined;
        if (row && isExpired(row, now)) this.#expire(key);
        expiries.removeSync(entry);
      }
    });
  }
}

type Append = Extract<Op, { type: "append" }>;

/** What a check compares: the row's version or, with `version` null, its value (null: absence). */
interface PreparedCheck {
  bytes: Buffer;
  version: Version | null;
  value: Uint8Array | null;
}

/** What an operation does; its bytes are copied. */
interface PreparedOp {
  /** Of an append, its prefix. */
  readonly key: string;
  readonly isAppend: boolean;
  /** Null: it deletes. */
  readonly row: Buffer | null;
  readonly expiresAt: number;
}

function prepareOp(op: Op, now: number): PreparedOp {
  if (op.type === "delete") return { key: op.key, isAppend: false, row: null, expiresAt: 0 };
  const expiresAt = expiryOf(op, now);
  return { key: targetOf(op), isAppend: op.type === "append", row: prepareRow(op.value, expiresAt), expiresAt };
}

function prepareCheck(check: Check): PreparedCheck {
  const bytes = Buffer.from(check.key, "utf8");
  if ("version" in check) return { bytes, version: check.version, value: null };
  return { bytes, version: null, value: check.value && copyBytes(check.value) };
}
