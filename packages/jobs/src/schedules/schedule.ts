import type { JobRequest } from "../job.js";

/** What a schedule submits with each tick: each of its jobs is a new one, and waits for no other. */
export type ScheduledJob = Omit<JobRequest, "delayMs" | "idempotencyKey" | "dependsOn" | "onDependencyFailure">;

export interface ScheduleOptions {
  /**
   * A crontab of five fields (minute, hour, day, month, weekday), or of six with the second before them, or `@daily` and
   * the like; at most 256 characters. Either it or `everyMs` is needed.
   */
  cron?: string;
  /** The time zone of `cron`, a name of the IANA database such as `Europe/Berlin`. @default "UTC" */
  timeZone?: string;
  /** Milliseconds from tick to tick, 100 to 100 years: counted from `startAt`, or from the creation. */
  everyMs?: number;
  /** No tick before this time, in milliseconds since the Unix epoch; null: no such time. @default null */
  startAt?: number | null;
  /** No tick after this time; null: no such time. @default null */
  endAt?: number | null;
  /**
   * What becomes of ticks that came while no node ran:
   *
   * - `skip`: nothing, and also of one that is more than `graceMs` late for another reason.
   * - `one`: the newest is made up for.
   * - `all`: each is made up for, to the newest 1,000. It needs `overlap: "allow"`.
   *
   * @default "one"
   */
  catchUp?: "skip" | "one" | "all";
  /** Milliseconds by which a tick may be late with `catchUp: "skip"`. @default 60,000 */
  graceMs?: number;
  /**
   * The ticks come later by a time from 0 to so many milliseconds, to a day, which follows from the schedule's name, so
   * that many schedules with the same crontab do not start their jobs at once. @default 0
   */
  jitterMs?: number;
  /** While the job of the tick before is not finished: `skip` the tick, or `allow` a job beside it. @default "skip" */
  overlap?: "skip" | "allow";
  job: ScheduledJob;
}

/** A schedule that is to be created. */
export interface ScheduleRequest extends ScheduleOptions {
  /** Letters, digits and `@ / _ . : -`, at most 128, from a letter or digit on. */
  name: string;
}

/** What is to be another in a schedule; `job` is replaced as a whole. */
export type SchedulePatch = Partial<ScheduleOptions>;

/** A schedule as it is shown. Times are milliseconds since the Unix epoch. */
export interface JobSchedule extends Required<Omit<ScheduleOptions, "cron" | "timeZone" | "everyMs">> {
  readonly name: string;
  readonly cron?: string;
  readonly timeZone?: string;
  readonly everyMs?: number;
  /** `ended`: no tick comes any more, as `endAt` is over. */
  readonly status: "active" | "paused" | "ended";
  readonly createdAt: number;
  /** The next tick, without its jitter; null when none comes. In the past when it is due. */
  readonly nextAt: number | null;
  /** The last tick that a job was created for, and the job; null before. */
  readonly last: { readonly scheduledAt: number; readonly jobId: string } | null;
  /** Ticks without a job, as the job before was not finished. */
  readonly skipped: number;
}
