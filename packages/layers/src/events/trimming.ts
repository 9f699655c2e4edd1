import { type KeyValueStore, type KvEntry, type Op, readPage, scanCursorAfter, type Transaction } from "@aspen/storage";
import { layersErrors } from "../errors.js";
import { decodeEvent } from "./event.js";
import { eventPrefix, isEventEntry, trimmedKey } from "./event-keys.js";
import { encodeTrimmed, readTrimmed, type TrimmedRecord } from "./trimmed.js";

/** As `EventBounds`. */
interface Bounds {
  maxAgeMs: number;
  maxEvents: number;
  maxBytes: number;
}

/** What a namespace keeps after it was trimmed. */
export interface TrimmedEvents {
  /** Events that were dropped. */
  dropped: number;
  /** Events that are kept, and the bytes of their keys and values. */
  count: number;
  bytes: number;
}

/** Entries that are read, or dropped in one transaction. */
const PAGE = 500;

/** One run on one namespace. */
export class Trimming {
  readonly #prefix: string;
  #record: TrimmedRecord = { trimmed: null, counted: null, count: 0, bytes: 0 };
  #stored: Uint8Array | null = null;

  constructor(
    private readonly kv: KeyValueStore,
    private readonly namespace: string,
    private readonly transact: (transaction: Transaction) => Promise<{ ok: boolean }>,
  ) {
    this.#prefix = eventPrefix(namespace);
  }

  async run(bounds: Bounds, signal?: AbortSignal): Promise<TrimmedEvents> {
    const { record, stored } = await readTrimmed(this.kv, this.namespace);
    this.#record = { ...record };
    this.#stored = stored;
    await this.#count(signal);
    let dropped = 0;
    for (;;) {
      if (signal?.aborted) throw layersErrors.cancelled("the trimming of events");
      const part = await this.#drop(bounds);
      dropped += part.dropped;
      if (!part.more) break;
    }
    const { count, bytes } = this.#record;
    return { dropped, count, bytes };
  }

  /** Counts what was appended since the last time. */
  async #count(signal: AbortSignal | undefined): Promise<void> {
    const before = this.#record.counted;
    let after = this.#record.counted ?? this.#record.trimmed;
    for (let more = true; more; ) {
      if (signal?.aborted) throw layersErrors.cancelled("the trimming of events");
      const page = await this.#page(after);
      for (const entry of page.entries) {
        after = entry.key;
        if (!isEventEntry(this.namespace, entry)) continue;
        this.#record.counted = entry.key;
        this.#record.count += 1;
        this.#record.bytes += sizeOf(entry);
      }
      more = page.more;
    }
    if (this.#record.counted !== before) await this.#write([]);
  }

  /** Drops a page of what is over the bounds. */
  async #drop({ maxAgeMs, maxEvents, maxBytes }: Bounds): Promise<{ dropped: number; more: boolean }> {
    const { counted } = this.#record;
    if (counted === null) return { dropped: 0, more: false };
    const { entries } = await this.#page(this.#record.trimmed);
    const oldest = Date.now() - maxAgeMs;
    const ops: Op[] = [];
    let dropped = 0;
    for (const entry of entries) {
      if (entry.key > counted) break;
      if (isEventEntry(this.namespace, entry)) {
        const over = this.#record.count > maxEvents || this.#record.bytes > maxBytes;
        if (!over && this.#timeOf(entry) >= oldest) break;
        // What somebody deleted by hand was counted, too.
        this.#record.count = Math.max(0, this.#record.count - 1);
        this.#record.bytes = Math.max(0, this.#record.bytes - sizeOf(entry));
        this.#record.trimmed = entry.key;
        dropped += 1;
      }
      ops.push({ type: "delete", key: entry.key });
    }
    const whole = ops.length === entries.length;
    // A page of nothing but what is no event is dropped as well: it would keep all that follow from being dropped.
    if (ops.length === 0 || (dropped === 0 && !whole)) return { dropped, more: false };
    await this.#write(ops);
    return { dropped, more: whole };
  }

  async #write(ops: readonly Op[]): Promise<void> {
    const key = trimmedKey(this.namespace);
    const value = encodeTrimmed(this.#record);
    const note: Op = { type: "put", key, value };
    const result = await this.transact({ checks: [{ key, value: this.#stored }], ops: [...ops, note] });
    // Nobody without the lease should have written it.
    if (!result.ok) throw layersErrors.trimmingDisturbed(key);
    this.#stored = value;
  }

  async #page(after: string | null): Promise<{ entries: KvEntry[]; more: boolean }> {
    const options = { prefix: this.#prefix, limit: PAGE };
    const cursor = after === null ? {} : { after: scanCursorAfter(options, after) };
    const page = await readPage(this.kv, { ...options, ...cursor });
    return { entries: page.entries, more: page.cursor !== undefined };
  }

  /** What cannot be read is as old as can be. */
  #timeOf(entry: KvEntry): number {
    try {
      return Date.parse(decodeEvent(this.namespace, entry).time);
    } catch {
      return Number.NEGATIVE_INFINITY;
    }
  }
}

function sizeOf({ key, value }: KvEntry): number {
  return Buffer.byteLength(key) + value.length;
}
