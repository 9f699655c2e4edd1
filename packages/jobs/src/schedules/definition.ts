import { type Schedule, scheduleTimes, type TimerDefinition, type TimerStatus } from "@aspen/layers";
import { encodeUtf8 } from "@aspen/plugin-api";
import { jobsErrors } from "../errors.js";
import { JOB_LIMITS } from "../options.js";
import type { JobSchedule, ScheduledJob, ScheduleOptions, SchedulePatch } from "./schedule.js";

/** What the timer of a schedule has as its payload. */
export interface SchedulePayload {
  /** Another for a schedule that is created anew under a name that was another's. */
  readonly id: string;
  readonly createdAt: number;
  readonly overlap: "skip" | "allow";
  readonly job: ScheduledJob;
}

export type ScheduleTimer = Omit<TimerDefinition, "payload"> & { payload: SchedulePayload };

const CATCH_UP = { skip: 0, one: 1, all: 1000 } as const;
/** Milliseconds by which the clock of who creates a schedule may be behind. */
const SKEW_MS = 60_000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9@/_.:-]*$/;

/** @throws AspenError `INVALID_PARAMS` */
export function assertScheduleName(name: string): void {
  if (typeof name !== "string" || name.length > 128 || !NAME.test(name)) {
    throw jobsErrors.invalid("name", "must be 1 to 128 letters, digits and @ / _ . : - from a letter or digit on");
  }
}

/**
 * The timer of a schedule. `before` are the options that it has, for one that is changed: a time that was given when it
 * was to come may be over by now.
 *
 * @throws AspenError `INVALID_PARAMS`, `SCHEDULE_INVALID`, `PAYLOAD_TOO_LARGE`
 */
export function timerOf(
  name: string,
  options: ScheduleOptions,
  { id, createdAt, now, before }: { id: string; createdAt: number; now: number; before?: ScheduleOptions | undefined },
): ScheduleTimer {
  const { startAt = null, endAt = null, catchUp = "one", graceMs, jitterMs, overlap = "skip", job } = options;
  if (!(catchUp in CATCH_UP)) throw jobsErrors.invalid("catchUp", 'must be "skip", "one" or "all"');
  if (overlap !== "skip" && overlap !== "allow") throw jobsErrors.invalid("overlap", 'must be "skip" or "allow"');
  if (catchUp === "all" && overlap === "skip") {
    throw jobsErrors.invalid("catchUp", '"all" needs the overlap "allow": all but the first would be skipped');
  }
  if (startAt !== null && startAt !== before?.startAt && startAt < now - SKEW_MS) {
    throw jobsErrors.invalid("startAt", "is over; leave it out to start now");
  }
  if (startAt !== null && endAt !== null && endAt < startAt) throw jobsErrors.invalid("endAt", "is before startAt");
  if (endAt !== null && endAt !== before?.endAt && endAt <= now) throw jobsErrors.invalid("endAt", "is over");
  assertSize(job);
  const schedule = scheduleOf(options);
  const first = scheduleTimes(schedule, now).next(Math.max(now, (startAt ?? now) - 1));
  // The ticks of an interval that is changed may be counted from an earlier time, and come all the same.
  const known = before === undefined || "cron" in schedule || schedule.anchor !== undefined;
  if (known && endAt !== null && endAt > now && (first === null || first > endAt)) {
    throw jobsErrors.scheduleNever(name);
  }
  return {
    ...{ schedule, startAt, endAt, catchUp: CATCH_UP[catchUp] },
    ...(graceMs === undefined ? {} : { graceMs }),
    ...(jitterMs === undefined ? {} : { jitterMs }),
    payload: { id, createdAt, overlap, job },
  };
}

/** The options of a schedule that is there. */
export function optionsOf({ schedule, catchUp, graceMs, jitterMs, startAt, endAt, payload }: Stored) {
  const { overlap, job } = payload as SchedulePayload;
  const when =
    "cron" in schedule ? { cron: schedule.cron, timeZone: schedule.timeZone ?? "UTC" } : { everyMs: schedule.everyMs };
  const missed = catchUp === CATCH_UP.skip ? "skip" : catchUp === CATCH_UP.one ? "one" : "all";
  return { ...when, startAt, endAt, catchUp: missed, graceMs, jitterMs, overlap, job } as const;
}

type Stored = Required<TimerDefinition>;

/** With a new crontab or interval the old one is gone, and with it what belongs to it. */
export function patched(before: ScheduleOptions, patch: SchedulePatch): ScheduleOptions {
  const { cron, timeZone, everyMs, ...rest } = before;
  if (patch.everyMs !== undefined) return { ...rest, ...patch };
  if (patch.cron !== undefined) return { ...rest, ...(timeZone === undefined ? {} : { timeZone }), ...patch };
  return { ...before, ...patch };
}

/** A schedule as it is shown, but for what its ticks did. */
export function scheduleView(timer: TimerStatus): Omit<JobSchedule, "last" | "skipped"> {
  const { name, paused, nextAt, payload } = timer;
  const status = paused ? "paused" : nextAt === null ? "ended" : "active";
  return { ...optionsOf(timer), name, status, createdAt: (payload as SchedulePayload).createdAt, nextAt };
}

function scheduleOf({ cron, timeZone, everyMs, startAt }: ScheduleOptions): Schedule {
  if ((cron === undefined) === (everyMs === undefined)) {
    throw jobsErrors.invalid("cron", "or everyMs is needed, and not both");
  }
  if (cron !== undefined) return { cron, ...(timeZone === undefined ? {} : { timeZone }) };
  if (timeZone !== undefined) throw jobsErrors.invalid("timeZone", "belongs to cron; everyMs has none");
  return { everyMs: everyMs!, ...(startAt == null ? {} : { anchor: startAt }) };
}

/** The whole job is a part of the timer's payload, which has a limit of its own. */
function assertSize(job: ScheduledJob): void {
  if (typeof job !== "object" || job === null) throw jobsErrors.invalid("job", "must be what is to be submitted");
  let json: string;
  try {
    json = JSON.stringify(job);
  } catch (error) {
    throw jobsErrors.notJson("payload", error);
  }
  const bytes = encodeUtf8(json).length;
  if (bytes > JOB_LIMITS.scheduledBytes) {
    throw jobsErrors.payloadTooLarge("request", bytes, JOB_LIMITS.scheduledBytes);
  }
}
