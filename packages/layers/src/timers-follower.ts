import { setTimeout as delay } from "node:timers/promises";
import type { KeyValueStore } from "@aspen/storage";
import { decodeLast, decodeRecord } from "./timers-definition.js";
import { TimerEntry } from "./timers-entry.js";
import type { TimerKeys } from "./timers-keys.js";

/** Keeps a node's timers as the store has them. */
export class TimerFollower {
  readonly entries = new Map<string, TimerEntry>();

  constructor(
    private readonly kv: KeyValueStore,
    private readonly keys: TimerKeys,
    /** Ticks of the scope `node` before this time are not for this node. */
    private readonly startedAt: number,
    private readonly onChange: () => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Follows until `signal` is aborted; after an error it begins again in `restMs`. */
  async follow(signal: AbortSignal, restMs: number): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#watch(signal);
      } catch (error) {
        this.onError(error);
        await delay(restMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Takes in what the store holds of one timer. @throws AspenError when that is no timer; it is dropped */
  refresh(name: string, raw: Uint8Array | undefined, lastRaw: Uint8Array | undefined): TimerEntry | undefined {
    if (raw) this.#define(name, raw);
    else this.entries.delete(name);
    const entry = this.entries.get(name);
    if (entry) this.#advance(entry, decodeLast(name, lastRaw));
    return entry;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    // The snapshot has the last ticks before their timers.
    const lasts = new Map<string, Uint8Array>();
    let seen: Set<string> | null = new Set();
    for await (const event of this.kv.watch(this.keys.prefix, { signal })) {
      if (event.type === "synced") {
        for (const name of this.entries.keys()) if (seen && !seen.has(name)) this.entries.delete(name);
        seen = null;
        lasts.clear();
        this.onChange();
        continue;
      }
      const { definitions, lasts: lastPrefix } = this.keys;
      const raw = event.type === "delete" ? undefined : event.value;
      this.#guarded(() => {
        if (event.key.startsWith(definitions)) {
          const name = event.key.slice(definitions.length);
          if (raw) seen?.add(name);
          this.refresh(name, raw, lasts.get(name));
          if (!seen) this.onChange();
        } else if (event.key.startsWith(lastPrefix)) {
          const name = event.key.slice(lastPrefix.length);
          const entry = this.entries.get(name);
          if (seen && raw) lasts.set(name, raw);
          if (entry && this.#advance(entry, decodeLast(name, raw))) this.onChange();
        }
      });
    }
  }

  #define(name: string, raw: Uint8Array): void {
    const before = this.entries.get(name);
    this.entries.delete(name);
    const record = decodeRecord(name, raw);
    if (before && JSON.stringify(before.record) === JSON.stringify(record)) {
      this.entries.set(name, before);
      return;
    }
    // What a node has run is known to itself alone; what the cluster has run is read again before each tick.
    const own = before?.record.scope === "node" ? before.last : this.startedAt;
    this.entries.set(name, new TimerEntry(name, record, record.scope === "node" ? own : record.since));
  }

  #advance(entry: TimerEntry, last: number | null): boolean {
    return last !== null && entry.record.scope === "cluster" && entry.advance(last);
  }

  /** A record that cannot be read is told of, and the others go on. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.onError(error);
    }
  }
}
