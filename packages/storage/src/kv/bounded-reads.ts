import { LIMITS } from "@aspen/plugin-api/abi";
import { storageErrors } from "../errors.js";
import type { KeyValueStore, KvEntry, ScanOptions, ScanPage, SyncKvReader } from "./key-value-store.js";

/** Entries read at once: a caller names a thousand large values with a few bytes, and none may be held for nothing. */
const ENTRIES = 64;
/** Bytes of values after which a page ends, though more entries were asked for. */
const PAGE_BYTES = LIMITS.messageBytes / 2;

/** What `getMany` of a store reads. @throws AspenError `PAYLOAD_TOO_LARGE` before more than a result can hold is read */
export async function readMany(kv: Pick<KeyValueStore, "getMany">, keys: readonly string[]) {
  const found = new Collected();
  for (const part of partsOf(keys)) found.add(await kv.getMany(part));
  return found.entries;
}

/** {@link readMany} without waiting. */
export function readManySync(reader: Pick<SyncKvReader, "getMany">, keys: readonly string[]) {
  const found = new Collected();
  for (const part of partsOf(keys)) found.add(reader.getMany(part));
  return found.entries;
}

/** What `scan` of a store reads: as many entries as asked for, or fewer, of 8 MiB of values, with a cursor. */
export async function readPage(kv: Pick<KeyValueStore, "scan">, options: ScanOptions): Promise<ScanPage> {
  const page = new Page(options);
  for (let next = page.next(); next; next = page.next()) page.add(await kv.scan(next));
  return page.result;
}

/** {@link readPage} without waiting. */
export function readPageSync(reader: Pick<SyncKvReader, "scan">, options: ScanOptions): ScanPage {
  const page = new Page(options);
  for (let next = page.next(); next; next = page.next()) page.add(reader.scan(next));
  return page.result;
}

function* partsOf(keys: readonly string[]): Generator<readonly string[]> {
  // A list over the store's limit goes to it whole, for its error.
  if (keys.length > LIMITS.batchOps) yield keys;
  else for (let start = 0; start < keys.length; start += ENTRIES) yield keys.slice(start, start + ENTRIES);
}

class Collected {
  readonly entries: (KvEntry | null)[] = [];
  #bytes = 0;

  add(part: readonly (KvEntry | null)[]): void {
    for (const entry of part) this.#bytes += entry?.value.length ?? 0;
    if (this.#bytes > LIMITS.messageBytes) throw storageErrors.resultTooLarge(this.#bytes);
    this.entries.push(...part);
  }
}

/** Puts a page together of smaller ones. */
class Page {
  readonly #limit: number;
  readonly #entries: KvEntry[] = [];
  #bytes = 0;
  #after: string | undefined;
  /** Entries of the next part. */
  #part: number;
  #done = false;

  constructor(private readonly options: ScanOptions) {
    this.#limit = options.limit ?? LIMITS.scanDefault;
    this.#after = options.after;
    // A limit that is refused goes to the store as it is, for its error.
    const valid = Number.isSafeInteger(this.#limit) && this.#limit >= 1 && this.#limit <= LIMITS.scanMax;
    this.#part = valid && !options.keysOnly ? Math.min(ENTRIES, this.#limit) : this.#limit;
  }

  get result(): ScanPage {
    return this.#after === undefined ? { entries: this.#entries } : { entries: this.#entries, cursor: this.#after };
  }

  /** What to ask next; null when the page is full. */
  next(): ScanOptions | null {
    if (this.#done) return null;
    const { after: _first, ...options } = this.options;
    return { ...options, limit: this.#part, ...(this.#after === undefined ? {} : { after: this.#after }) };
  }

  add({ entries, cursor }: ScanPage): void {
    const sizes = entries.map(({ value }) => value.length);
    const size = sizes.reduce((sum, bytes) => sum + bytes, 0);
    if (this.#bytes + size > PAGE_BYTES) {
      // Too much together: the page ends before it, or, when it would be empty, has as many as fit.
      if (this.#entries.length > 0) {
        this.#done = true;
        return;
      }
      if (entries.length > 1) {
        let fitting = 0;
        for (let sum = sizes[0]!; sum <= PAGE_BYTES && fitting < entries.length - 1; sum += sizes[fitting]!)
          fitting += 1;
        this.#part = Math.max(1, fitting);
        return;
      }
    }
    this.#entries.push(...entries);
    this.#bytes += size;
    this.#after = cursor;
    // The next are taken to be as large as these; what would be read and not fit is not read.
    const mean = Math.max(1, this.#bytes / Math.max(1, this.#entries.length));
    const fitting = Math.floor((PAGE_BYTES - this.#bytes) / mean);
    const left = this.#limit - this.#entries.length;
    this.#done = cursor === undefined || left <= 0 || fitting < 1;
    this.#part = this.options.keysOnly ? left : Math.min(ENTRIES, left, fitting);
  }
}
