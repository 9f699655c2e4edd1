import { encodeUtf8 } from "@aspen/plugin-api";
import type { KeyValueStore, Op } from "@aspen/storage";
import { layersErrors } from "../errors.js";
import { assertNamespace } from "../events/event-keys.js";
import { EventReader } from "../events/event-reader.js";
import { type Lease, Leases, type LeasesOptions } from "../lease.js";
import { type DurableCursor, HeldCursor } from "./held-cursor.js";

export type { ConsumedEvent, CursorCommit, CursorFollowOptions, DurableCursor } from "./held-cursor.js";

export interface CursorOptions {
  /** The namespace of the changes that the consumer makes, such as `app:`; the cursor lies there. */
  home: string;
  /** The consumer's name: 1 to 128 letters, digits, `_`, `-` and `.`. */
  consumer: string;
  /** The namespaces whose events it consumes. @default `home` alone */
  sources?: readonly string[];
  /** Where a consumer begins that is new to a namespace: with what is kept, or with what comes. @default "start" */
  from?: "start" | "now";
}

const CONSUMER = /^[A-Za-z0-9_.-]{1,128}$/;

/** Cursors of named consumers of events. Each is held by one node at a time, under a lease. */
export class DurableCursors {
  readonly #kv: KeyValueStore;
  readonly #leases: Leases;

  /** @param options of the leases @throws AspenError `INVALID_PARAMS` when an option is out of range */
  constructor(kv: KeyValueStore, options: LeasesOptions = {}) {
    this.#kv = kv;
    this.#leases = new Leases(kv, options);
  }

  /**
   * The cursor, or null when another holds it.
   *
   * @throws AspenError `INVALID_PARAMS`, or what the store throws; after `OUTCOME_UNKNOWN` it may be held by nobody until the
   * TTL is over
   */
  async tryAcquire(options: CursorOptions): Promise<DurableCursor | null> {
    const lease = await this.#leases.tryAcquire(leaseKey(options));
    return lease && this.#open(lease, options);
  }

  /** Waits until no other holds the cursor, and takes it. @throws AspenError `CANCELLED`, or as {@link tryAcquire} */
  async acquire(options: CursorOptions, signal?: AbortSignal): Promise<DurableCursor> {
    return this.#open(await this.#leases.acquire(leaseKey(options), signal), options);
  }

  async #open(
    lease: Lease,
    { home, consumer, sources = [home], from = "start" }: CursorOptions,
  ): Promise<DurableCursor> {
    try {
      const keys = new Map(sources.map((source) => [source, `${base(home, consumer)}:${source}`]));
      if (from === "now") await this.#beginNow(lease, keys);
      return await HeldCursor.open(this.#kv, lease, keys);
    } catch (error) {
      // Its TTL ends a lease that cannot be released; what happened first is told.
      await lease.release().catch(() => undefined);
      throw error;
    }
  }

  /** Notes where a new consumer begins at once, so that it is told what comes before its first commit, also after a crash. */
  async #beginNow(lease: Lease, keys: ReadonlyMap<string, string>): Promise<void> {
    for (const [source, key] of keys) {
      if (await this.#kv.get(key)) continue;
      const op: Op = { type: "put", key, value: encodeUtf8(await new EventReader(this.#kv, source, null).skip()) };
      await lease.fencedTransact({ checks: [{ key, value: null }], ops: [op] });
    }
  }
}

const base = (home: string, consumer: string): string => `${home}__cursor:${consumer}`;

function leaseKey({ home, consumer, sources = [] }: CursorOptions): string {
  assertNamespace(home);
  for (const source of sources) assertNamespace(source);
  if (typeof consumer !== "string" || !CONSUMER.test(consumer)) {
    throw layersErrors.invalid("consumer", 'must be 1 to 128 letters, digits, "_", "-" and "."');
  }
  return `${base(home, consumer)}#held`;
}
