import { given } from "@aspen/feature";
import type { Job } from "../../job.js";
import type { JobValues } from "../kv/job-values.js";
import type { BullJob } from "./job-record.js";

/** A job as it is shown, with its payload and its result. */
export async function viewOf(values: JobValues, job: BullJob): Promise<Job> {
  const { id, type, status, meta, result, error, startedAt, finishedAt } = job;
  const running = status === "running";
  return {
    ...{ id, type, status, payload: await values.load(job.payload), priority: meta.priority, group: meta.group },
    ...{ progress: job.progress, attempts: job.starts - job.uncounted, maxAttempts: job.maxAttempts },
    ...{ timeoutMs: meta.timeoutMs, submittedAt: job.submittedAt, readyAt: job.readyAt, waitingFor: job.waitingFor },
    cancelRequested: running && job.cancel,
    ...given({ worker: running ? job.worker : undefined, startedAt, finishedAt, error }),
    ...given({ idempotencyKey: meta.idempotencyKey, submitter: meta.submitter, schedule: meta.schedule }),
    ...(result === undefined ? {} : { result: await values.load(result) }),
  };
}
