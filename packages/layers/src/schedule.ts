import { cut } from "@aspen/plugin-api/abi";
import { Cron } from "croner";
import { layersErrors } from "./errors.js";

/** When a timer ticks. Its times follow from it alone, never from when a tick was run, so they do not drift. */
export type Schedule = IntervalSchedule | CronSchedule;

export interface IntervalSchedule {
  /** Milliseconds from tick to tick; a whole number from 100 to 3,155,760,000,000, which is 100 years. */
  everyMs: number;
  /** The time of one tick in milliseconds since the Unix epoch. @default when the timer got this interval */
  anchor?: number;
}

export interface CronSchedule {
  /**
   * Five fields (minute, hour, day, month, weekday), or six with the second before them, or `@daily` and the like, as
   * croner reads them (croner.56k.guru/usage/pattern); at most 256 characters.
   *
   * Where clocks are put forward, a time of day that is left out comes at the first minute after the gap, and one that
   * occurs twice comes once. A crontab of several minutes or hours leaves out what does not exist, and comes twice.
   */
  cron: string;
  /** A name of the IANA time zone database, such as `Europe/Berlin`. @default "UTC" */
  timeZone?: string;
}

/** The times of a schedule, in milliseconds since the Unix epoch. */
export interface ScheduleTimes {
  /** The first after `time`, or null when there is none. */
  next(time: number): number | null;
  /** The last `count` that are after `after` and not after `upTo`, in their order. */
  latest(count: number, after: number, upTo: number): number[];
}

const LEAST_MS = 100;
const MOST_MS = 3_155_760_000_000;
/** Schedules that were read before: many timers have the same, and reading a time zone takes long. */
const MOST_KNOWN = 1000;
const known = new Map<string, ScheduleTimes>();

/**
 * Reads a schedule.
 *
 * @param anchor of an interval that has none
 * @throws AspenError `SCHEDULE_INVALID` when a crontab or its time zone cannot be read or the crontab never comes true,
 * `INVALID_PARAMS` when an interval is out of range
 */
export function scheduleTimes(schedule: Schedule, anchor = 0): ScheduleTimes {
  if (!("cron" in schedule)) return intervalTimes(schedule.everyMs, schedule.anchor ?? anchor);
  const { cron, timeZone = "UTC" } = schedule;
  const key = JSON.stringify([cron, timeZone]);
  let times = known.get(key);
  if (!times) {
    times = cronTimes(cron, timeZone);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(key, times);
  }
  return times;
}

function intervalTimes(everyMs: number, anchor: number): ScheduleTimes {
  if (!(Number.isInteger(everyMs) && everyMs >= LEAST_MS && everyMs <= MOST_MS)) {
    throw layersErrors.invalid("schedule.everyMs", "must be a whole number of milliseconds from 100 to 100 years");
  }
  if (!(Number.isSafeInteger(anchor) && Math.abs(anchor) <= MOST_MS * 10)) {
    throw layersErrors.invalid("schedule.anchor", "must be a time in whole milliseconds since the Unix epoch");
  }
  const before = (time: number): number => anchor + Math.floor((time - anchor) / everyMs) * everyMs;
  return {
    next: (time) => before(time) + everyMs,
    latest(count, after, upTo) {
      const last = before(upTo);
      const most = Math.min(count, Math.max(0, Math.floor((last - before(after)) / everyMs)));
      return Array.from({ length: most }, (_, i) => last - (most - 1 - i) * everyMs);
    },
  };
}

function cronTimes(pattern: string, timezone: string): ScheduleTimes {
  if (typeof pattern !== "string" || pattern.length > 256 || !/^\s*(@\w+|\S+(\s+\S+){4,5})\s*$/.test(pattern)) {
    throw layersErrors.schedule(String(pattern), "must have five or six fields and at most 256 characters");
  }
  if (typeof timezone !== "string") throw layersErrors.schedule(pattern, "must have the name of a time zone");
  let cron: Cron;
  let first: Date | null;
  try {
    // Without a function it starts no timer of its own.
    cron = new Cron(pattern, { mode: "5-or-6-parts", timezone });
    first = cron.nextRun(new Date(0));
  } catch (error) {
    throw layersErrors.schedule(
      pattern,
      `in the time zone ${JSON.stringify(cut(String(timezone)))} cannot be read: ${cut(String(error), 300)}`,
      error,
    );
  }
  if (!first) throw layersErrors.schedule(pattern, "never comes true");
  const next = (time: number): number | null => cron.nextRun(new Date(time))?.getTime() ?? null;
  return {
    next,
    latest(count, after, upTo) {
      const times: number[] = [];
      for (let time = next(after); time !== null && time <= upTo; time = next(time)) {
        // Forwards as long as there are few, which is the rule; it takes time for each.
        if (times.length === count) return latestBefore(cron, count, upTo);
        times.push(time);
      }
      return times;
    },
  };
}

function latestBefore(cron: Cron, count: number, upTo: number): number[] {
  // Only times before the one given count.
  const dates = cron.previousRuns(count, new Date(Math.floor(upTo) + 1));
  return dates.map((date) => date.getTime()).reverse();
}
