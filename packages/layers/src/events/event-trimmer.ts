import { eventLogPrefix } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import { layersErrors } from "../errors.js";
import { Leases } from "../lease.js";
import { assertNamespace } from "./event-keys.js";
import { type TrimmedEvents, Trimming } from "./trimming.js";

export type { TrimmedEvents } from "./trimming.js";

/** How much of a namespace's events is kept: what is over one of the bounds is dropped, the oldest first. */
export interface EventBounds {
  /** Milliseconds since it was emitted; 1 to 2^53-1. @default 604,800,000 (seven days) */
  maxAgeMs?: number;
  /** Events; 0 to 2^53-1. @default 100,000 */
  maxEvents?: number;
  /** Bytes of keys and values; 0 to 2^53-1. @default 67,108,864 (64 MiB) */
  maxBytes?: number;
}

export interface EventTrimmerOptions extends EventBounds {
  /** As of `LeasesOptions`: who trims. @default "" */
  owner?: string;
}

/** Keeps the events of namespaces within bounds. Each event is read twice for it, when it is counted and when it is dropped. */
export class EventTrimmer {
  readonly #kv: KeyValueStore;
  readonly #leases: Leases;
  readonly #bounds: Required<EventBounds>;

  /** @throws AspenError `INVALID_PARAMS` when an option is out of range */
  constructor(kv: KeyValueStore, options: EventTrimmerOptions = {}) {
    const { maxAgeMs = 7 * 86_400_000, maxEvents = 100_000, maxBytes = 64 * 1024 * 1024, owner = "" } = options;
    assertWhole("maxAgeMs", maxAgeMs, 1);
    assertWhole("maxEvents", maxEvents, 0);
    assertWhole("maxBytes", maxBytes, 0);
    this.#kv = kv;
    this.#leases = new Leases(kv, { owner });
    this.#bounds = { maxAgeMs, maxEvents, maxBytes };
  }

  /**
   * Counts what is new among a namespace's events and drops what is over the bounds, together with the note by which
   * readers know. Null when another trims the namespace. To be called now and then, once a minute say.
   *
   * @throws AspenError `INVALID_PARAMS`, `LEASE_LOST`, `CANCELLED`, or what the store throws; what was dropped until then stays so
   */
  async trim(namespace: string, signal?: AbortSignal): Promise<TrimmedEvents | null> {
    assertNamespace(namespace);
    await using lease = await this.#leases.tryAcquire(`${eventLogPrefix(namespace)}-trimmer`);
    if (!lease) return null;
    const run = new Trimming(this.#kv, namespace, (transaction) => lease.fencedTransact(transaction));
    return await run.run(this.#bounds, signal);
  }
}

function assertWhole(field: string, value: number, least: number): void {
  if (!(Number.isSafeInteger(value) && value >= least)) {
    throw layersErrors.invalid(field, `must be a whole number, at least ${least}`);
  }
}
