import { setMaxListeners } from "node:events";
import type { Appended, KeyValueStore } from "@aspen/storage";
import { layersErrors } from "../errors.js";
import { decodeEvent, type EventInput, eventOp, type LoggedEvent } from "./event.js";
import { assertNamespace, isEventEntry, isEventId } from "./event-keys.js";
import { EventReader, type OnUnreadable } from "./event-reader.js";
import { type FollowNamespaceOptions, followNamespace } from "./follow-namespace.js";
import { merge } from "./merge.js";
import { type Place, placeOf } from "./place.js";

export interface FollowOptions {
  /** At least one; each is a whole namespace, such as `app:`. */
  namespaces: readonly string[];
  /**
   * By namespace, the `cursor` of the last event that is not to be told again. Its `id` will do, by which another event that
   * took its key is not noticed.
   * @default as `from` says
   */
  after?: Readonly<Record<string, string>>;
  /** Where to begin in a namespace that is not in `after`: with what is kept, or with what comes. @default "start" */
  from?: "start" | "now";
  /** Milliseconds for which the store may fail in a row before the loop does; 0 to 86,400,000. @default 30,000 */
  patienceMs?: number;
  /** Ends the loop without an error. */
  signal?: AbortSignal;
  /** Told of something that is stored among the events and is none; the loop goes on. @default the loop fails */
  onUnreadable?: OnUnreadable;
}

export interface ReadEventsOptions {
  /** The `cursor`, or the `id`, of the last event that is not wanted. @default none: from the first that is kept */
  after?: string;
  /** 1 to 1,000. @default 100 */
  limit?: number;
  /** As {@link FollowOptions.onUnreadable}. */
  onUnreadable?: OnUnreadable;
}

/** The events of namespaces: an outbox in each, written with the changes that they speak of. */
export class EventLog {
  readonly #kv: KeyValueStore;

  constructor(kv: KeyValueStore) {
    this.#kv = kv;
  }

  /**
   * Emits an event alone; {@link eventOp} makes one part of a transaction.
   *
   * @throws AspenError as {@link eventOp}, or what the store throws; after `OUTCOME_UNKNOWN` the event may be there, and
   * trying again may make a second one
   */
  async emit(namespace: string, input: EventInput): Promise<Appended> {
    const result = await this.#kv.transact({ checks: [], ops: [eventOp(namespace, input)] });
    if (!result.ok) throw new Error("a transaction without checks cannot fail one");
    return { key: result.appended[0]!, version: result.version };
  }

  /** The event of this id, or null when the namespace keeps none. @throws AspenError `INVALID_PARAMS`, or what the store throws */
  async get(namespace: string, id: string): Promise<LoggedEvent | null> {
    assertNamespace(namespace);
    if (!isEventId(namespace, id)) return null;
    const entry = await this.#kv.get(id);
    return entry && isEventEntry(namespace, { key: id, version: entry.version })
      ? decodeEvent(namespace, { key: id, value: entry.value })
      : null;
  }

  /**
   * The events that are kept, at most `limit` of them, in their order.
   *
   * @throws AspenError `EVENTS_COMPACTED` as {@link follow}, `INVALID_PARAMS`, or what the store throws
   */
  async read(namespace: string, options: ReadEventsOptions = {}): Promise<LoggedEvent[]> {
    const { after, limit = 100, onUnreadable } = options;
    assertNamespace(namespace);
    const place = after === undefined ? null : placeOf("after", namespace, after);
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1000)) {
      throw layersErrors.invalid("limit", "must be a whole number from 1 to 1,000");
    }
    const events: LoggedEvent[] = [];
    for await (const event of new EventReader(this.#kv, namespace, place, onUnreadable).stored()) {
      if (events.push(event) === limit) break;
    }
    return events;
  }

  /**
   * Every event behind a place: those of one namespace in the order of their commits, each once; several namespaces as they
   * come. The next event is read when the loop asks for it, so that a slow one holds a page of each namespace (256 events or
   * 8 MiB) and no more. Failures of the store are waited out.
   *
   * @throws AspenError `INVALID_PARAMS`; from the loop `EVENTS_COMPACTED` when events that should follow were dropped, or
   * (`details.undone`) the store lost events that were told: `details.namespace`, and `details.resume`, the place after which
   * to go on; or what the store throws
   */
  follow(options: FollowOptions): AsyncGenerator<LoggedEvent, void, undefined> {
    const { namespaces, after = {}, from = "start", patienceMs = 30_000, signal, onUnreadable } = options;
    if (namespaces.length === 0) throw layersErrors.invalid("namespaces", "must name one at least");
    for (const namespace of namespaces) assertNamespace(namespace);
    const places = new Map(
      Object.entries(after).map(([namespace, text]) => [namespace, placeOf("after", namespace, text)]),
    );
    if (!(Number.isInteger(patienceMs) && patienceMs >= 0 && patienceMs <= 86_400_000)) {
      throw layersErrors.invalid("patienceMs", "must be a whole number of milliseconds from 0 to 86,400,000");
    }
    const each = { from, patienceMs, onUnreadable };
    return this.#follow([...new Set(namespaces)], places, signal, each);
  }

  async *#follow(
    namespaces: readonly string[],
    places: ReadonlyMap<string, Place>,
    signal: AbortSignal | undefined,
    options: Omit<FollowNamespaceOptions, "after" | "signal">,
  ): AsyncGenerator<LoggedEvent, void, undefined> {
    if (signal?.aborted) return;
    const ended = new AbortController();
    // Each namespace listens to it.
    setMaxListeners(Number.POSITIVE_INFINITY, ended.signal);
    const end = (): void => ended.abort();
    signal?.addEventListener("abort", end, { once: true });
    try {
      const followers = namespaces.map((namespace) => {
        const after = places.get(namespace) ?? null;
        return followNamespace(this.#kv, namespace, { ...options, after, signal: ended.signal });
      });
      yield* merge(followers, end);
    } finally {
      signal?.removeEventListener("abort", end);
    }
  }
}
