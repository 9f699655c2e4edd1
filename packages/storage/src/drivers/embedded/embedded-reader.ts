import type { Database } from "lmdb";
import { storageErrors } from "../../errors.js";
import type { KvEntry, ScanOptions, ScanPage, SyncKvReader } from "../../kv/key-value-store.js";
import { validateKey, validateKeys } from "../../kv/validate.js";
import { type Environment, openEnvironment } from "./lmdb/environment.js";
import { entryAt, scanRows } from "./lmdb/row-reads.js";

/** A read-only view of an embedded store for another thread. The thread may be ended at any moment without harm. */
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
    return entryAt(this.#rows, key, bytes);
  }

  getMany(keys: readonly string[]): (KvEntry | null)[] {
    return validateKeys(keys).map((bytes, index) => entryAt(this.#rows, keys[index]!, bytes));
  }

  scan(options: ScanOptions): ScanPage {
    return scanRows(this.#rows, options);
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
