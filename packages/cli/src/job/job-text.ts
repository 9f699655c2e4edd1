import type { ResultOf } from "@aspen/rpc-core/remote";
import { printable, table } from "../output.js";

export type ShownJob = ResultOf<"job.get">;

/** A table of jobs; those of a later page are without the head. */
export function jobTable(jobs: readonly ShownJob[], head = true): string {
  const rows = jobs.map(({ id, type, status, group, attempts, maxAttempts, submittedAt, progress }) => [
    id,
    type.padEnd(TYPE_WIDTH),
    status.padEnd(STATUS_WIDTH),
    `${attempts}/${maxAttempts}`.padEnd(7),
    dateText(submittedAt),
    progress ? `${Math.round(progress.percent)}%` : "",
    group,
  ]);
  const text = table(["ID", "TYPE", "STATUS", "ATTEMPT", "SUBMITTED", "PROGRESS", "GROUP"], rows);
  return head ? text : text.slice(text.indexOf("\n") + 1);
}

const TYPE_WIDTH = 16;
const STATUS_WIDTH = 11;

/** Everything of a job. */
export function jobText(job: ShownJob): string {
  return printable(JSON.stringify(job, null, 2));
}

/** One line on how a job stands. */
export function jobLine({ id, type, status, error }: ShownJob): string {
  return printable(`job ${id} (${type}) is ${status}${error ? `: ${error.code}: ${error.message}` : ""}`);
}

export function dateText(time: number | null): string {
  return time === null ? "-" : new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}

type LogLine = ResultOf<"job.logs">["lines"][number];

/** A line that a job wrote. */
export function logText({ at, level, message, fields }: LogLine): string {
  const more = fields ? ` ${JSON.stringify(fields)}` : "";
  return printable(`${new Date(at).toISOString()} ${level.padEnd(5)} ${message}${more}`);
}
