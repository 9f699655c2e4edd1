import type { ResultOf } from "@aspen/rpc-core/remote";
import { printable, table } from "../output.js";
import { dateText } from "./job-text.js";

type Schedule = ResultOf<"job.schedule.get">;

export function scheduleTable(schedules: readonly Schedule[]): string {
  const rows = schedules.map((schedule) => [
    ...[schedule.name, schedule.status, whenText(schedule), schedule.job.type],
    ...[dateText(schedule.nextAt), dateText(schedule.last?.scheduledAt ?? null), schedule.last?.jobId ?? "-"],
  ]);
  return table(["NAME", "STATUS", "WHEN", "TYPE", "NEXT", "LAST", "LAST JOB"], rows);
}

/** One line on a schedule. */
export function scheduleLine(schedule: Schedule): string {
  const next = schedule.nextAt === null ? "" : `, next at ${dateText(schedule.nextAt)}`;
  return printable(`${schedule.name} (${schedule.status}): ${schedule.job.type} ${whenText(schedule)}${next}`);
}

function whenText({ cron, timeZone, everyMs }: Schedule): string {
  return cron === undefined ? `every ${everyMs} ms` : `${cron} ${timeZone}`;
}
