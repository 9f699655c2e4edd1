import { type AspenError, type Clock, isAspenError, namespaceOf } from "@aspen/plugin-api";
import { type KeyValueStore, updateValue } from "@aspen/storage";
import { layersErrors } from "./errors.js";
import {
  decodeLast,
  decodeRecord,
  encodeRecord,
  type TimerDefinition,
  type TimerRecord,
  type TimerStatus,
  timerRecord,
  timerTimes,
} from "./timers-definition.js";
import type { TimerHandler } from "./timers-handler.js";
import { TimerKeys } from "./timers-keys.js";
import { type RunTimersOptions, type TimerRun, TimerRunner } from "./timers-runner.js";

export interface TimersOptions {
  /** Where the timers are kept: a namespace and what follows it, such as `jobs:timers/`. */
  prefix: string;
  /** The time of day. @default the system's */
  clock?: Clock;
}

/** Something that is stored as a timer, which no node runs. `Timers.remove` removes it, `Timers.set` cannot replace it. */
export interface BrokenTimer {
  name: string;
  error: AspenError;
}

export interface TimerPage {
  timers: TimerStatus[];
  broken: BrokenTimer[];
  /** Present when more may follow. */
  cursor?: string;
}

/** Timers that a store keeps, for all nodes that use the same prefix. */
export class Timers {
  readonly #kv: KeyValueStore;
  readonly #keys: TimerKeys;
  readonly #clock: Clock;

  /** @throws AspenError `INVALID_PARAMS` when the prefix holds no namespace */
  constructor(kv: KeyValueStore, { prefix, clock = { now: Date.now } }: TimersOptions) {
    if (!namespaceOf(prefix).endsWith(":")) {
      throw layersErrors.invalid("prefix", 'must hold a namespace, such as "jobs:timers/"');
    }
    this.#kv = kv;
    this.#keys = new TimerKeys(prefix);
    this.#clock = clock;
  }

  /**
   * Adds a timer or changes it, also while it runs anywhere. With the schedule and scope that it has it goes on; with
   * others it begins now. It stays paused if it is. So each node may set its timers whenever it starts.
   *
   * @throws AspenError `SCHEDULE_INVALID` when the crontab cannot be read or never comes true, `INVALID_PARAMS` when
   * something else is out of range, or what the store throws
   */
  async set(name: string, definition: TimerDefinition): Promise<void> {
    await this.change(name, () => definition);
  }

  /**
   * Makes of a timer what `change` makes of the one that is there, null for none, as {@link Timers.set} does. `change` is
   * called again when others change the timer meanwhile; it may throw, and nothing is changed then.
   *
   * @throws AspenError as {@link Timers.set}, or what `change` throws
   */
  async change(name: string, change: (before: Required<TimerDefinition> | null) => TimerDefinition): Promise<void> {
    if (!(typeof name === "string" && name.length >= 1 && name.length <= 200 && name.isWellFormed())) {
      throw layersErrors.invalid("name", "must have 1 to 200 characters");
    }
    await this.#change(name, (before) =>
      timerRecord(change(before && definitionOf(before)), before, this.#clock.now()),
    );
  }

  /**
   * False when there was no such timer. A tick that a handler is at is not recorded.
   *
   * @param options `ifOver`: leave it, and answer false, when it has another tick or is paused. @default false
   */
  async remove(name: string, { ifOver = false }: { ifOver?: boolean } = {}): Promise<boolean> {
    const keys = [this.#keys.definition(name), this.#keys.last(name)];
    for (;;) {
      const [entry, last] = await this.#kv.getMany(keys);
      if (!entry) return false;
      if (ifOver) {
        const { paused, nextAt } = statusOf(name, entry.value, last?.value);
        if (paused || nextAt !== null) return false;
      }
      const ops = keys.map((key) => ({ type: "delete" as const, key }));
      if ((await this.#kv.transact({ checks: [{ key: keys[0]!, version: entry.version }], ops })).ok) return true;
    }
  }

  /** Until it is resumed, no tick is run. @throws AspenError `TIMER_NOT_FOUND` */
  async pause(name: string): Promise<void> {
    await this.#change(name, (before) => ({ ...this.#found(name, before), paused: true }));
  }

  /** Goes on with the next tick after now; those that came meanwhile are skipped. @throws AspenError `TIMER_NOT_FOUND` */
  async resume(name: string): Promise<void> {
    await this.#change(name, (before) => {
      const found = this.#found(name, before);
      return found.paused ? { ...found, paused: false, since: Math.max(found.since, this.#clock.now()) } : found;
    });
  }

  /** Null when there is none. */
  async get(name: string): Promise<TimerStatus | null> {
    const [entry, last] = await this.#kv.getMany([this.#keys.definition(name), this.#keys.last(name)]);
    return entry ? statusOf(name, entry.value, last?.value) : null;
  }

  /**
   * A page of timers in the byte order of their names: at most `limit`, to 1,000, from `cursor` on. What is stored as a timer
   * and cannot be read is `broken`, and not among the others. @default limit 1,000
   */
  async list({ limit = 1000, cursor }: { limit?: number; cursor?: string } = {}): Promise<TimerPage> {
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1000)) {
      throw layersErrors.invalid("limit", "must be a whole number from 1 to 1,000");
    }
    const prefix = this.#keys.definitions;
    const page = await this.#kv.scan({ prefix, limit, ...(cursor === undefined ? {} : { after: cursor }) });
    const names = page.entries.map(({ key }) => key.slice(prefix.length));
    const lasts = names.length === 0 ? [] : await this.#kv.getMany(names.map((name) => this.#keys.last(name)));
    const timers: TimerStatus[] = [];
    const broken: BrokenTimer[] = [];
    for (const [i, { value }] of page.entries.entries()) {
      const name = names[i]!;
      try {
        timers.push(statusOf(name, value, lasts[i]?.value));
      } catch (error) {
        if (!isAspenError(error)) throw error;
        broken.push({ name, error });
      }
    }
    return { timers, broken, ...(page.cursor === undefined ? {} : { cursor: page.cursor }) };
  }

  /**
   * Runs the timers on this node until the run is disposed of or `signal` is aborted. Of the nodes that run them one at a
   * time calls its handler for ticks of the scope `cluster`; when it dies, another follows within `leaseTtlMs`.
   *
   * A tick is recorded after its handler, in the transaction of what the handler returns: those changes are made exactly
   * once. Anything else that it does may happen again for the same `tick.id` when the node dies before that. A tick of the
   * scope `node` is not recorded: changes whose outcome is unknown may be made again with it.
   */
  run(handler: TimerHandler, options: RunTimersOptions): TimerRun {
    return new TimerRunner(this.#kv, this.#keys, this.#clock, handler, options);
  }

  async #change(name: string, change: (before: TimerRecord | null) => TimerRecord): Promise<void> {
    const key = this.#keys.definition(name);
    const unchanged = new Error("the timer is so already");
    try {
      await updateValue(this.#kv, key, (raw) => {
        const changed = encodeRecord(change(raw && decodeRecord(name, raw)));
        // Most nodes set what is there already, or what another is setting: that is no change for anybody to hear of, and a
        // handler at work must not lose its tick by it.
        if (raw && Buffer.compare(raw, changed) === 0) throw unchanged;
        return changed;
      });
    } catch (error) {
      if (error !== unchanged) throw error;
    }
  }

  #found(name: string, record: TimerRecord | null): TimerRecord {
    if (!record) throw layersErrors.timerNotFound(name);
    return record;
  }
}

function definitionOf({ since: _since, anchor: _anchor, paused: _paused, ...definition }: TimerRecord) {
  return definition;
}

function statusOf(name: string, raw: Uint8Array, lastRaw: Uint8Array | undefined): TimerStatus {
  const record = decodeRecord(name, raw);
  const { since, paused } = record;
  const lastAt = decodeLast(name, lastRaw);
  const nextAt = paused ? null : timerTimes(record).next(Math.max(since, lastAt ?? since));
  return { ...definitionOf(record), name, paused, lastAt, nextAt };
}
