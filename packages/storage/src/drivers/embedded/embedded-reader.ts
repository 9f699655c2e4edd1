import type { Database } from "lmdb";
import { prefixEnd, startsWith } from "../../bytes.js";
import { storageErrors } from "../../errors.js";
import { decodeCursor, encodeCursor } from "../../kv/cursor.js";
import type { KvEntry, ScanOptions, ScanPage, SyncKvReader } from "../../kv/key-value-store.js";
import { validateKey, validateKeys, validateLimit, validatePrefix } from "../../kv/validate.js";
import { type Environment, openEnvironment } from "./lmdb/environment.js";
import { decodeRow } from "./lmdb/rows.js";

export function readEntry(rows: Database<Buffer, Buffer>, key: string, bytes: Buffer): KvEntry | null {
  const row = decodeRow(rows.getBinary(bytes), Date.now());
  return row && { key, value: row.value, version: row.version };
}

export function readPage(rows: Database<Buffer, Buffer>, options: ScanOptions): ScanPage {
  const prefix = validatePrefix(options.prefix);
  const limit = validateLimit(options);
  const after = decodeCursor(options);
  const reverse = options.reverse ?? false;
  const afterBytes = after === null ? null : Buffer.from(after, "utf8");
  const end = prefixEnd(prefix);
  const start = afterBytes ?? (reverse ? end : prefix);
  const entries: KvEntry[] = [];
  const now = Date.now();
  for (const { key, value } of rows.getRange({
    ...(start && start.length > 0 ? { start } : {}),
    reverse,
  })) {
    const bytes = key as Buffer;
    if (!startsWith(bytes, prefix)) {
      // Going backwards the first key may lie just behind the prefix; anything else is past its end.
      if (reverse && end && bytes.equals(end)) continue;
      break;
    }
    if (afterBytes?.equals(bytes)) continue;
    const row = decodeRow(value as Buffer, now, !options.keysOnly);
    if (!row) continue;
    if (entries.length === limit) return { entries, cursor: encodeCursor(options, entries.at(-1)!.key) };
    entries.push({ key: bytes.toString("utf8"), value: row.value, version: row.version });
  }
  return { entries };
}

/** A read-only view of an embedded store for another thread; it may be ended at any moment without harm. */
export class EmbeddedReader implements SyncKvReader {
  #closed = false;

  private constructor(private readonly environment: Environment) {}

  /** Opens the directory of a store that is open already. */
  static async open(options: { directory: string }): Promise<EmbeddedReader> {
    return new EmbeddedReader(await openEnvironment(options.directory, { readOnly: true, strict: true }));
  }

  refresh(): void {
    // LMDB keeps a read transaction per turn of the event loop; without this, reads may be stale.
    this.environment.root.resetReadTxn();
  }

  get(key: string): KvEntry | null {
    const bytes = validateKey(key);
    return readEntry(this.#rows, key, bytes);
  }

  getMany(keys: readonly string[]): (KvEntry | null)[] {
    return validateKeys(keys).map((bytes, index) => readEntry(this.#rows, keys[index]!, bytes));
  }

  scan(options: ScanOptions): ScanPage {
    return readPage(this.#rows, options);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    void this.environment.root.close();
  }

  get #rows(): Database<Buffer, Buffer> {
    if (this.#closed) throw storageErrors.unavailable("it is closed");
    this.environment.presence.assertLately();
    return this.environment.rows;
  }
}
