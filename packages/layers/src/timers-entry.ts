import type { ScheduleTimes } from "./schedule.js";
import { jitterOf, type TimerRecord, timerTimes } from "./timers-definition.js";

/** The ticks that are due: those to run, and the newest, up to which all others are skipped. */
export interface DueTicks {
  run: number[];
  newest: number;
}

/** A timer as a node that runs it knows it. Times are milliseconds since the Unix epoch. */
export class TimerEntry {
  readonly #times: ScheduleTimes;
  readonly #jitterMs: number;
  #last: number;
  #dueAt = Number.POSITIVE_INFINITY;

  /** @param last only ticks after this time count, beside those that the record excludes */
  constructor(
    readonly name: string,
    readonly record: TimerRecord,
    last: number,
  ) {
    this.#times = timerTimes(record);
    this.#jitterMs = jitterOf(name, record.jitterMs);
    this.#last = Math.max(last, record.since);
    this.#count();
  }

  get last(): number {
    return this.#last;
  }

  /** When the next tick is to be run. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** Ticks up to `last` are done. False when that was known. */
  advance(last: number): boolean {
    if (last <= this.#last) return false;
    this.#last = last;
    this.#count();
    return true;
  }

  /** Null when none is due at `now`. */
  due(now: number): DueTicks | null {
    if (now < this.#dueAt) return null;
    const { catchUp, graceMs } = this.record;
    const upTo = now - this.#jitterMs;
    const ticks = this.#times.latest(Math.max(1, catchUp), this.#last, upTo);
    // The next tick is due, whatever a look backwards across a change of the clocks says.
    const newest = ticks.at(-1) ?? this.#dueAt - this.#jitterMs;
    if (catchUp === 0 && upTo - newest > graceMs) return { run: [], newest };
    return { run: ticks.length === 0 ? [newest] : ticks, newest };
  }

  #count(): void {
    const next = this.record.paused ? null : this.#times.next(this.#last);
    this.#dueAt = next === null ? Number.POSITIVE_INFINITY : next + this.#jitterMs;
  }
}
