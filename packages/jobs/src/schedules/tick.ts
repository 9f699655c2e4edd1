import type { TickChanges } from "@aspen/layers";
import { isFinished } from "../job-states.js";
import type { JobQueue, PreparedJob, QueueInStore } from "../queue/contract.js";
import type { SchedulePayload } from "./definition.js";
import type { ReadRun, ScheduleRuns } from "./schedule-runs.js";

export interface TickParts {
  readonly queue: JobQueue;
  readonly inStore: QueueInStore;
  readonly runs: ScheduleRuns;
}

/** The changes of one tick: a new job, or the note that there is none. */
export async function tick(
  { queue, inStore, runs }: TickParts,
  name: string,
  scheduledAt: number,
  { id, overlap, job }: SchedulePayload,
): Promise<TickChanges> {
  const read = await runs.read(name, id);
  const { last } = read.run;
  const before = overlap === "skip" && last ? await queue.get(last.jobId) : null;
  if (before && !isFinished(before.status)) {
    return { checks: [read.check], ops: [runs.put(name, { ...read.run, skipped: read.run.skipped + 1 })] };
  }
  const prepared = await inStore.prepare(job, { name, scheduledAt });
  await prepared.submit?.();
  return withRun(runs, name, scheduledAt, read, prepared);
}

/** A job, and the note that it is the last one. */
export function withRun(
  runs: ScheduleRuns,
  name: string,
  scheduledAt: number,
  { run, check }: ReadRun,
  job: PreparedJob,
): Required<TickChanges> {
  return {
    checks: [...job.checks, check],
    ops: [...job.ops, runs.put(name, { ...run, last: { scheduledAt, jobId: job.id } })],
    onCommitted: () => job.onCommitted(),
  };
}
