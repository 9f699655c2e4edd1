import type { LoggedEvent } from "@aspen/layers";
import type { AspenError } from "@aspen/plugin-api";
import { cut, decodeUtf8, encodeUtf8, LIMITS } from "@aspen/plugin-api";
import { type KeyValueStore, type Op, readPage } from "@aspen/storage";

/** Milliseconds for which a dead event is kept: as long as events are. */
const KEPT_MS = 7 * 86_400_000;

/** An event that a plugin did not take. */
export interface DeadEvent {
  /** Its id; the event itself is in its namespace's log as long as that keeps it. */
  event: string;
  topic: string;
  subject?: string;
  /** When it was emitted, RFC 3339. */
  time: string;
  /** What the last call failed with. */
  error: { code: string; message: string };
  /** Calls that failed. */
  attempts: number;
}

/** Where what is known of a plugin's deliveries is kept. */
export const DELIVERY = "__delivery:";

/** The events that one plugin did not take, at most 1,000, the oldest first. */
export class DeadEvents {
  readonly #prefix: string;

  constructor(
    private readonly kv: KeyValueStore,
    plugin: string,
  ) {
    this.#prefix = deadPrefix(plugin);
  }

  /** The operations that add one, and drop the oldest when there are too many. */
  async ops(event: LoggedEvent, error: AspenError, attempts: number): Promise<Op[]> {
    const { entries } = await readPage(this.kv, {
      ...{ prefix: this.#prefix, limit: LIMITS.deadEvents, keysOnly: true },
    });
    const { id, topic, subject, time } = event;
    const dead: DeadEvent = {
      ...{ event: id, topic, time, attempts },
      ...(subject === undefined ? {} : { subject }),
      error: { code: error.code, message: cut(error.message, 1024) },
    };
    const oldest = entries.slice(0, Math.max(0, entries.length - LIMITS.deadEvents + 1));
    return [
      ...oldest.map(({ key }): Op => ({ type: "delete", key })),
      { type: "append", prefix: this.#prefix, value: encodeUtf8(JSON.stringify(dead)), ttlMs: KEPT_MS },
    ];
  }

  async list(): Promise<DeadEvent[]> {
    const { entries } = await readPage(this.kv, { prefix: this.#prefix, limit: LIMITS.deadEvents });
    return entries.map(({ value }) => JSON.parse(decodeUtf8(value)) as DeadEvent);
  }

  /** Forgets one, by the id of its event, or all; says how many. The events themselves stay. */
  async purge(event?: string): Promise<number> {
    const { entries } = await readPage(this.kv, { prefix: this.#prefix, limit: LIMITS.deadEvents });
    let purged = 0;
    for (const { key, value } of entries) {
      if (event !== undefined && (JSON.parse(decodeUtf8(value)) as DeadEvent).event !== event) continue;
      if (await this.kv.delete(key)) purged += 1;
    }
    return purged;
  }
}

function deadPrefix(plugin: string): string {
  return `${DELIVERY}dead/${plugin}/`;
}
