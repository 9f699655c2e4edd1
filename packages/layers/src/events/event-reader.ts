import { type KeyValueStore, type KvEntry, readPage, scanCursorAfter, type Version } from "@aspen/storage";
import { layersErrors } from "../errors.js";
import { decodeEvent, type LoggedEvent } from "./event.js";
import { eventPrefix, isEventEntry, placeBehind, trimmedKey } from "./event-keys.js";
import { readTrimmed } from "./trimmed.js";

/** Events that are read at once, of 8 MiB at most. */
const PAGE = 256;

/** Told of something that is stored among the events and is none. Reading goes on behind it. */
export type OnUnreadable = (error: Error) => void;

/** Reads the events of one namespace in their order, each once, and knows how far it has come. */
export class EventReader {
  readonly #prefix: string;

  /**
   * @param place the event that is read already; null for none
   * @param onUnreadable without it, reading fails
   */
  constructor(
    private readonly kv: KeyValueStore,
    private readonly namespace: string,
    public place: string | null,
    private readonly onUnreadable?: OnUnreadable,
  ) {
    this.#prefix = eventPrefix(namespace);
  }

  /** The version of the namespace. @throws AspenError `EVENTS_COMPACTED` when events that follow are gone */
  async version(): Promise<Version> {
    for (;;) {
      const { record, stored } = await readTrimmed(this.kv, this.namespace);
      // Without operations it says the version, if the check holds.
      const checks = [{ key: trimmedKey(this.namespace), value: stored }];
      const result = await this.kv.transact({ checks, ops: [] });
      if (!result.ok) continue;
      this.#assertKept(record.trimmed);
      const newest = placeBehind(this.namespace, result.version);
      // Of a store that lost its newest versions, in a fail-over or when it was restored from a copy.
      if (this.place !== null && this.place > newest) {
        throw layersErrors.eventsCompacted(this.namespace, this.place, newest);
      }
      return result.version;
    }
  }

  /** The next events that are stored, and whether more follow. @throws AspenError `EVENTS_COMPACTED` */
  async *stored(): AsyncGenerator<LoggedEvent, void, undefined> {
    const options = { prefix: this.#prefix, limit: PAGE };
    let after = this.place === null ? undefined : scanCursorAfter(options, this.place);
    do {
      const { entries, cursor } = await readPage(this.kv, { ...options, ...(after === undefined ? {} : { after }) });
      // Read after the page: what it says was not dropped before was in the page.
      if (this.place !== null) this.#assertKept((await readTrimmed(this.kv, this.namespace)).record.trimmed);
      for (const entry of entries) {
        const event = this.#take(entry);
        if (event) yield event;
      }
      after = cursor;
    } while (after !== undefined);
  }

  /** The events of versions behind `since`, as they come. @throws AspenError `WATCH_COMPACTED` */
  async *coming(since: Version, signal: AbortSignal): AsyncGenerator<LoggedEvent, void, undefined> {
    for await (const change of this.kv.watch(this.#prefix, { since, signal })) {
      if (change.type !== "put") continue;
      const event = this.#take(change);
      if (event) yield event;
    }
  }

  #take(entry: KvEntry): LoggedEvent | null {
    const read = this.place !== null && entry.key <= this.place;
    if (read || !isEventEntry(this.namespace, entry)) return null;
    this.place = entry.key;
    try {
      return decodeEvent(this.namespace, entry);
    } catch (error) {
      if (!this.onUnreadable || !(error instanceof Error)) throw error;
      this.onUnreadable(error);
      return null;
    }
  }

  #assertKept(trimmed: string | null): void {
    if (this.place !== null && trimmed !== null && trimmed > this.place) {
      throw layersErrors.eventsCompacted(this.namespace, this.place, trimmed);
    }
  }
}
