import { type KeyValueStore, type KvEntry, readPage, scanCursorAfter, type Version } from "@aspen/storage";
import { layersErrors } from "../errors.js";
import { decodeEvent, type LoggedEvent } from "./event.js";
import { eventPrefix, isEventEntry, placeBehind, trimmedKey } from "./event-keys.js";
import { isStillThere, type Place, placeAt, placeText, RecentPlaces } from "./place.js";
import { decodeTrimmed } from "./trimmed.js";

/** Events that are read at once, of 8 MiB at most. */
const PAGE = 256;

/** Told of something that is stored among the events and is none. Reading goes on behind it. */
export type OnUnreadable = (error: Error) => void;

/**
 * Reads the events of one namespace in their order, each once, and knows how far it has come. The event that it read last
 * is its anchor: while the store has it, it has all that came before it, and what comes behind it is new. Each page is read
 * before the anchor is looked at, so that it is of the same past.
 */
export class EventReader {
  readonly #prefix: string;
  #recent: RecentPlaces;

  /**
   * @param place the event that is read already; null for none
   * @param onUnreadable without it, reading fails
   */
  constructor(
    private readonly kv: KeyValueStore,
    private readonly namespace: string,
    place: Place | null,
    private readonly onUnreadable?: OnUnreadable,
  ) {
    this.#prefix = eventPrefix(namespace);
    this.#recent = new RecentPlaces(place);
  }

  /** Goes behind the newest event that there is, and says where that is; in front of all when there is none. */
  async skip(): Promise<string> {
    const options = { prefix: this.#prefix, reverse: true, limit: PAGE };
    let cursor: string | undefined;
    do {
      const page = await readPage(this.kv, { ...options, ...(cursor === undefined ? {} : { after: cursor }) });
      const newest = page.entries.find((entry) => isEventEntry(this.namespace, entry));
      if (newest) {
        this.#recent = new RecentPlaces(placeAt(newest));
        break;
      }
      cursor = page.cursor;
    } while (cursor !== undefined);
    return placeText(this.#recent.last ?? this.#start);
  }

  /** The version of the namespace. @throws AspenError `EVENTS_COMPACTED` when events that follow are gone, or the anchor is */
  async version(): Promise<Version> {
    for (;;) {
      const stored = await this.#assertKept();
      // Without operations it says the version, if the check holds.
      const checks = [{ key: trimmedKey(this.namespace), value: stored }];
      const result = await this.kv.transact({ checks, ops: [] });
      if (!result.ok) continue;
      // Of a store that lost its newest versions, in a fail-over or when it was restored from a copy.
      const place = this.#recent.last;
      if (place && place.id > placeBehind(this.namespace, result.version)) throw await this.#undone(place, null);
      return result.version;
    }
  }

  /** The next events that are stored. @throws AspenError as {@link version} */
  async *stored(): AsyncGenerator<LoggedEvent, void, undefined> {
    const options = { prefix: this.#prefix, limit: PAGE };
    const place = this.#recent.last;
    let after = place ? scanCursorAfter(options, place.id) : undefined;
    do {
      const { entries, cursor } = await readPage(this.kv, { ...options, ...(after === undefined ? {} : { after }) });
      // Read after the page: what it says was not dropped before was in the page.
      if (this.#recent.last) await this.#assertKept();
      for (const entry of entries) {
        const event = this.#take(entry);
        if (event) yield event;
      }
      after = cursor;
    } while (after !== undefined);
  }

  /** The events of versions behind `since`, as they come. @throws AspenError `WATCH_COMPACTED`, or as {@link version} */
  async *coming(since: Version, signal: AbortSignal): AsyncGenerator<LoggedEvent, void, undefined> {
    let begun = false;
    let level = false;
    for await (const change of this.kv.watch(this.#prefix, { since, signal })) {
      // The watch itself notices from its first change on when the store loses writes. What happened before that is stored.
      if (!begun) yield* this.stored();
      begun = true;
      if (change.type !== "put" || this.#hasRead(change)) continue;
      // What it told until here was read already, and may have been lost in between.
      if (!level) await this.#assertKept();
      level = true;
      const event = this.#take(change);
      if (event) yield event;
    }
  }

  #hasRead({ key }: Pick<KvEntry, "key">): boolean {
    const place = this.#recent.last;
    return place !== null && key <= place.id;
  }

  #take(entry: KvEntry): LoggedEvent | null {
    if (this.#hasRead(entry) || !isEventEntry(this.namespace, entry)) return null;
    const place = placeAt(entry);
    this.#recent.push(place);
    try {
      return decodeEvent(this.namespace, entry, place);
    } catch (error) {
      if (!this.onUnreadable || !(error instanceof Error)) throw error;
      this.onUnreadable(error);
      return null;
    }
  }

  /** Returns what is stored of the trimming. */
  async #assertKept(): Promise<Uint8Array | null> {
    const place = this.#recent.last;
    const keys = [trimmedKey(this.namespace), ...(place ? [place.id] : [])];
    const [note = null, anchor = null] = await this.kv.getMany(keys);
    const { trimmed } = decodeTrimmed(this.namespace, note?.value ?? null);
    if (place && trimmed !== null && trimmed > place.id) {
      throw layersErrors.eventsCompacted(this.namespace, place.id, trimmed);
    }
    if (place && trimmed !== place.id && !isStillThere(place, anchor)) throw await this.#undone(place, trimmed);
    return note?.value ?? null;
  }

  async #undone(place: Place, trimmed: string | null): Promise<Error> {
    const known = await this.#recent.newestStored(this.kv);
    const resume = known ? placeText(known) : (trimmed ?? placeText(this.#start));
    return layersErrors.eventsUndone(this.namespace, place.id, resume);
  }

  get #start(): Place {
    return { id: placeBehind(this.namespace, 0), fingerprint: null };
  }
}
