import { decodeStrictUtf8, encodeUtf8 } from "@aspen/plugin-api/abi";
import { layersErrors } from "./errors.js";
import { type Schedule, type ScheduleTimes, scheduleTimes } from "./schedule.js";

export interface TimerDefinition {
  schedule: Schedule;
  /** What its handler gets with each tick: JSON, at most 65,536 bytes. @default null */
  payload?: unknown;
  /**
   * - `cluster`: each tick is for one node of those that run the timers.
   * - `node`: each tick is for every node that runs them. What comes while a node is down is not for it.
   *
   * @default "cluster"
   */
  scope?: "cluster" | "node";
  /**
   * How many of the ticks that are due at once are run, the newest ones; the older ones are skipped. Several are due after
   * a time when no node ran, when a handler took longer than the interval, or when the clock was set forward. 0: one tick,
   * and only when it is at most `graceMs` late. A whole number to 1,000. @default 1
   */
  catchUp?: number;
  /** Milliseconds by which a tick may be late when `catchUp` is 0. @default 60,000 */
  graceMs?: number;
  /**
   * The ticks are run later than scheduled by a time from 0 to so many milliseconds, to 86,400,000, which follows from
   * the timer's name, so that many timers of one schedule are not run at once. @default 0
   */
  jitterMs?: number;
  /** No tick is scheduled before this time, in milliseconds since the Unix epoch. @default null, no such time */
  startAt?: number | null;
  /** No tick is scheduled after this time, which is not before `startAt`. @default null, no such time */
  endAt?: number | null;
}

export interface TimerStatus extends Required<TimerDefinition> {
  name: string;
  paused: boolean;
  /** The last tick of the cluster that was run or skipped: its scheduled time. Null before, and for the scope `node`. */
  lastAt: number | null;
  /** The scheduled time of the next tick; null when it is paused or over. It is in the past when the tick is due. */
  nextAt: number | null;
}

/** What the store holds of a timer. */
export interface TimerRecord extends Required<TimerDefinition> {
  paused: boolean;
  /** Only ticks after this time count. */
  since: number;
  /** Of an interval without one of its own. */
  anchor: number;
}

const PAYLOAD_BYTES = 65_536;
const MOST_CATCH_UP = 1000;
const DAY_MS = 86_400_000;
/** The last time that a date can hold. */
const LAST_MS = 8_640_000_000_000_000;

/** The record of a timer that is set at `now`; what an equal schedule has done so far stays. @throws AspenError as `Timers.set` */
export function timerRecord(definition: TimerDefinition, before: TimerRecord | null, now: number): TimerRecord {
  const { schedule, payload = null, scope = "cluster", catchUp = 1, graceMs = 60_000, jitterMs = 0 } = definition;
  const { startAt = null, endAt = null } = definition;
  if (scope !== "cluster" && scope !== "node") throw layersErrors.invalid("scope", 'must be "cluster" or "node"');
  assertWhole("catchUp", catchUp, MOST_CATCH_UP);
  assertWhole("graceMs", graceMs, Number.MAX_SAFE_INTEGER);
  assertWhole("jitterMs", jitterMs, DAY_MS);
  for (const [field, time] of Object.entries({ startAt, endAt })) {
    if (time !== null) assertWhole(field, time, LAST_MS);
  }
  if (startAt !== null && endAt !== null && endAt < startAt) throw layersErrors.invalid("endAt", "is before startAt");
  assertSchedule(schedule);
  scheduleTimes(schedule);
  const json = JSON.stringify(payload);
  if (json === undefined || encodeUtf8(json).length > PAYLOAD_BYTES) {
    throw layersErrors.invalid("payload", "must be JSON of at most 65,536 bytes");
  }
  const same = before !== null && sameSchedule(before.schedule, schedule);
  // What was run for another scope is not counted in this one.
  const goesOn = same && before.scope === scope;
  return {
    schedule: plain(schedule),
    payload: JSON.parse(json),
    scope,
    catchUp,
    graceMs,
    jitterMs,
    startAt,
    endAt,
    paused: before?.paused ?? false,
    since: goesOn ? before.since : now,
    anchor: same ? before.anchor : now,
  };
}

/** The times of a timer's schedule from its `startAt` to its `endAt`. */
export function timerTimes({ schedule, anchor, startAt, endAt }: TimerRecord): ScheduleTimes {
  const times = scheduleTimes(schedule, anchor);
  if (startAt === null && endAt === null) return times;
  const first = (startAt ?? Number.NEGATIVE_INFINITY) - 1;
  const last = endAt ?? Number.POSITIVE_INFINITY;
  return {
    next(time) {
      const next = times.next(Math.max(time, first));
      return next !== null && next <= last ? next : null;
    },
    latest: (count, after, upTo) => times.latest(count, Math.max(after, first), Math.min(upTo, last)),
  };
}

export const encodeRecord = (record: TimerRecord): Uint8Array => encodeUtf8(JSON.stringify(record));

/** @throws AspenError `INVALID_PARAMS` or `SCHEDULE_INVALID` when what is stored is no timer */
export function decodeRecord(name: string, raw: Uint8Array): TimerRecord {
  const record = parse(name, raw) as Partial<TimerRecord> | null;
  if (!Number.isSafeInteger(record?.since) || !Number.isSafeInteger(record?.anchor)) throw unreadable(name);
  const { paused, since, anchor } = record as TimerRecord;
  return { ...timerRecord(record as TimerRecord, null, since), paused: paused === true, since, anchor };
}

export const encodeLast = (at: number): Uint8Array => encodeUtf8(JSON.stringify({ at }));

/** The last tick that was run or skipped. @throws AspenError `INVALID_PARAMS` when what is stored is none */
export function decodeLast(name: string, raw: Uint8Array | undefined): number | null {
  if (!raw) return null;
  const at = (parse(name, raw) as { at?: unknown } | null)?.at;
  if (!Number.isSafeInteger(at)) throw unreadable(name);
  return at as number;
}

/** Milliseconds from 0 to `jitterMs` that follow from the name: FNV-1a (datatracker.ietf.org/doc/draft-eastlake-fnv). */
export function jitterOf(name: string, jitterMs: number): number {
  let hash = 0x811c9dc5;
  for (const byte of encodeUtf8(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return Math.floor((hash / 2 ** 32) * (jitterMs + 1));
}

function assertSchedule(schedule: unknown): void {
  if (typeof schedule !== "object" || schedule === null || "cron" in schedule === "everyMs" in schedule) {
    throw layersErrors.invalid("schedule", 'must have either "cron" or "everyMs"');
  }
}

function plain(schedule: Schedule): Schedule {
  if ("cron" in schedule) return { cron: schedule.cron, timeZone: schedule.timeZone ?? "UTC" };
  const { everyMs, anchor } = schedule;
  return anchor === undefined ? { everyMs } : { everyMs, anchor };
}

function sameSchedule(a: Schedule, b: Schedule): boolean {
  return JSON.stringify(plain(a)) === JSON.stringify(plain(b));
}

function parse(name: string, raw: Uint8Array): unknown {
  try {
    return JSON.parse(decodeStrictUtf8(raw));
  } catch {
    throw unreadable(name);
  }
}

const unreadable = (name: string) =>
  layersErrors.invalid("prefix", `holds something else than a timer under ${JSON.stringify(name)}`);

function assertWhole(field: string, value: number, most: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0 && value <= most)) {
    throw layersErrors.invalid(field, `must be a whole number from 0 to ${most.toLocaleString("en")}`);
  }
}
