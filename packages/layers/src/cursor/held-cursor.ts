import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import {
  appendedKey,
  type Check,
  type KeyValueStore,
  type Op,
  type Transaction,
  type TxResult,
  type Version,
} from "@aspen/storage";
import { layersErrors } from "../errors.js";
import type { LoggedEvent } from "../events/event.js";
import { EventLog, type FollowOptions } from "../events/event-log.js";
import { type Place, parsePlace, placeOf, placeText } from "../events/place.js";
import type { Lease } from "../lease.js";
import { isTransient, Patience } from "../transient.js";

/** With its `cursor`, the consumer notices when the store loses the event and gives its id to another one. */
export type ConsumedEvent = Pick<LoggedEvent, "namespace" | "id"> & Partial<Pick<LoggedEvent, "cursor">>;

/** What the consumer does in the transaction that moves the cursor, in the cursor's home. */
export type CursorCommit = Partial<Transaction>;

export interface CursorFollowOptions extends Pick<FollowOptions, "patienceMs" | "onUnreadable"> {
  /** Ends the loop without an error. */
  signal?: AbortSignal;
}

/**
 * How far a consumer has come with the events of some namespaces. Disposing it lets others have it.
 *
 * Each event is consumed exactly once when what the consumer does is in the transaction that {@link commit} makes, and at
 * least once when it is done elsewhere, before the commit.
 */
export interface DurableCursor extends AsyncDisposable {
  /** Grows with each holder of the cursor, for what the consumer does elsewhere. */
  readonly fencingToken: number;
  /** Aborted when the cursor is released, or lost: with `LEASE_LOST`. */
  readonly signal: AbortSignal;
  /** The id of the last event of a namespace that was committed; null for none. */
  position(namespace: string): string | null;
  /**
   * The events behind the positions, as `EventLog.follow`.
   *
   * @throws AspenError (from the loop) `LEASE_LOST` when another may hold the cursor, or as `EventLog.follow`; after
   * `EVENTS_COMPACTED`, {@link seek} goes on behind what was dropped
   */
  follow(options?: CursorFollowOptions): AsyncGenerator<LoggedEvent, void, undefined>;
  /**
   * Moves the cursor behind an event, and all that come before it in its namespace, and applies `commit` in the same
   * transaction. Failures of the store are waited out for as long as the lease is held: the position says whether the
   * transaction was applied. Commits of one cursor are made one after the other.
   *
   * @returns as `transact`; `failed` counts the checks of `commit`
   * @throws AspenError `INVALID_PARAMS` when the event is not behind the position; `LEASE_LOST`, after which the next holder
   * sees whether it was applied; `KV_CONFLICT` when somebody else moved the cursor; or what the store throws
   */
  commit(event: ConsumedEvent, commit?: CursorCommit): Promise<TxResult>;
  /**
   * Moves the cursor to any place, forwards or back: events are left out, or consumed again. What {@link follow} tells is
   * behind the positions at its start.
   *
   * @param place the `cursor` or the `id` of an event, or what `EVENTS_COMPACTED` names
   * @throws AspenError as {@link commit}
   */
  seek(namespace: string, place: string): Promise<void>;
}

/** A place, and the version under which the store has it. */
interface Position {
  place: Place;
  version: Version;
}

export class HeldCursor implements DurableCursor {
  readonly #positions = new Map<string, Position | null>();
  /** The commit under way. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly kv: KeyValueStore,
    private readonly lease: Lease,
    /** By the namespace that is consumed, where the position lies. */
    private readonly keys: ReadonlyMap<string, string>,
  ) {}

  static async open(kv: KeyValueStore, lease: Lease, keys: ReadonlyMap<string, string>): Promise<HeldCursor> {
    const cursor = new HeldCursor(kv, lease, keys);
    for (const [namespace, key] of keys) cursor.#positions.set(namespace, await cursor.#stored(namespace, key));
    return cursor;
  }

  get fencingToken(): number {
    return this.lease.fencingToken;
  }

  get signal(): AbortSignal {
    return this.lease.signal;
  }

  position(namespace: string): string | null {
    this.#keyOf(namespace);
    return this.#positions.get(namespace)?.place.id ?? null;
  }

  async *follow({ signal, ...options }: CursorFollowOptions = {}): AsyncGenerator<LoggedEvent, void, undefined> {
    const after = Object.fromEntries(
      [...this.#positions].flatMap(([namespace, position]) =>
        position ? [[namespace, placeText(position.place)]] : [],
      ),
    );
    const ended = new AbortController();
    const end = (): void => ended.abort();
    if (signal?.aborted || this.signal.aborted) end();
    for (const each of [signal, this.signal]) each?.addEventListener("abort", end, { once: true });
    try {
      const log = new EventLog(this.kv);
      const namespaces = [...this.keys.keys()];
      for await (const event of log.follow({ ...options, namespaces, after, signal: ended.signal })) {
        if (ended.signal.aborted) break;
        yield event;
      }
    } finally {
      for (const each of [signal, this.signal]) each?.removeEventListener("abort", end);
    }
    if (this.signal.aborted && !signal?.aborted) throw this.signal.reason;
  }

  commit({ namespace, id, cursor = id }: ConsumedEvent, commit: CursorCommit = {}): Promise<TxResult> {
    return this.#inTurn(() => {
      const place = placeOf("cursor", namespace, cursor);
      if (place.id !== id) throw layersErrors.invalid("cursor", "must be that of the event");
      const position = this.position(namespace);
      if (position !== null && id <= position) throw layersErrors.invalid("id", "is not behind the cursor's position");
      return this.#move(namespace, place, commit);
    });
  }

  async seek(namespace: string, to: string): Promise<void> {
    await this.#inTurn(async () => {
      const place = placeOf("place", namespace, to);
      this.#keyOf(namespace);
      const position = this.#positions.get(namespace);
      if (!position || placeText(place) !== placeText(position.place)) await this.#move(namespace, place, {});
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lease.release();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    // Whoever asked for it is told how it went.
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /**
   * The check of the position makes it apply once, however often it is sent, and however late one of them arrives: also when
   * the cursor was moved back to the same event meanwhile, under another version.
   */
  async #move(namespace: string, to: Place, { checks = [], ops = [] }: CursorCommit): Promise<TxResult> {
    const key = this.#keyOf(namespace);
    const before = this.#positions.get(namespace) ?? null;
    const unmoved: Check = before ? { key, version: before.version } : { key, value: null };
    const text = placeText(to);
    const moved: Op = { type: "put", key, value: encodeUtf8(text) };
    // The lease ends the attempts.
    const patience = new Patience(Number.POSITIVE_INFINITY);
    for (;;) {
      if (this.signal.aborted) throw this.signal.reason;
      try {
        const result = await this.lease.fencedTransact({ checks: [unmoved, ...checks], ops: [moved, ...ops] });
        if (!result.ok && result.failed > 0) return { ok: false, failed: result.failed - 1 };
        const applied = result.ok ? result : await this.#applied(key, text, ops);
        if (!applied) throw layersErrors.cursorMoved(key);
        this.#positions.set(namespace, { place: to, version: applied.version });
        return applied;
      } catch (error) {
        if (!isTransient(error)) throw error;
        await patience.afterFailure(error, this.signal);
      }
    }
  }

  /** What an earlier attempt answered whose answer was lost; null when it is not what moved the cursor. */
  async #applied(key: string, text: string, ops: readonly Op[]): Promise<Extract<TxResult, { ok: true }> | null> {
    const entry = await this.kv.get(key);
    if (!entry || decodeUtf8(entry.value) !== text) return null;
    const { version } = entry;
    const appended = ops.flatMap((op, place) =>
      // Behind the operation that moves the cursor.
      op.type === "append" ? [appendedKey(op.prefix, version, place + 1)] : [],
    );
    return { ok: true, version, appended };
  }

  async #stored(namespace: string, key: string): Promise<Position | null> {
    const entry = await this.kv.get(key);
    if (!entry) return null;
    const place = parsePlace(namespace, decodeUtf8(entry.value));
    if (!place) throw layersErrors.cursorUnreadable(key);
    return { place, version: entry.version };
  }

  #keyOf(namespace: string): string {
    const key = this.keys.get(namespace);
    if (key === undefined) throw layersErrors.invalid("namespace", "is not among the sources of the cursor");
    return key;
  }
}
