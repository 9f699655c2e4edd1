import type { ParamsOf } from "@aspen/rpc-core/remote";
import { type Command, Option } from "commander";
import { parseDate, parseTime } from "../parse-time.js";

type ScheduleParams = ParamsOf<"job.schedule.create">;

/** Flags that say when a schedule submits its job. */
export interface ScheduleFlags {
  cron?: string;
  timeZone?: string;
  every?: number;
  startAt?: number;
  endAt?: number;
  catchUp?: NonNullable<ScheduleParams["catchUp"]>;
  grace?: number;
  jitter?: number;
  overlap?: NonNullable<ScheduleParams["overlap"]>;
}

export function addScheduleOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--cron <crontab>", "five fields, or six with the second first, or @daily and the like").conflicts(
        "every",
      ),
    )
    .option("--time-zone <name>", "of the crontab, such as Europe/Berlin (UTC unless given)")
    .option("--every <time>", "interval: 500ms, 90s, 30m, 24h, 7d", (text) => parseTime(text, 100))
    .option("--start-at <time>", "no job before it, such as 2030-01-31T09:00:00Z", parseDate)
    .option("--end-at <time>", "no job after it", parseDate)
    .addOption(
      new Option("--catch-up <which>", "ticks that came while no node ran, to make up for (one unless given)").choices([
        "skip",
        "one",
        "all",
      ]),
    )
    .option("--grace <time>", "how late a tick may be with --catch-up skip (60s unless given)", (text) =>
      parseTime(text),
    )
    .option("--jitter <time>", "spread ticks over so much time, to 1d (0s unless given)", (text) => parseTime(text))
    .addOption(
      new Option("--overlap <policy>", "while the job before is not finished (skip unless given)").choices([
        "skip",
        "allow",
      ]),
    );
}

/** Those fields of a schedule that the flags give. */
export function scheduleFieldsOf({ every, grace, jitter, ...flags }: ScheduleFlags): Partial<ScheduleParams> {
  const { cron, timeZone, startAt, endAt, catchUp, overlap } = flags;
  const fields = {
    ...{ cron, timeZone, startAt, endAt, catchUp, overlap },
    ...{ everyMs: every, graceMs: grace, jitterMs: jitter },
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
