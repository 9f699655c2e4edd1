import { given } from "@aspen/feature";
import type { Job, RunnableJob } from "../../job.js";
import type { ClaimedJob } from "../contract.js";
import type { JobValues } from "./job-values.js";
import type { JobRecord } from "./record.js";

/** A job as it is shown, with its payload and its result. */
export async function viewOf(values: JobValues, record: JobRecord): Promise<Job> {
  const { result, idempotencyKey, submitter, schedule, startedAt, finishedAt, error } = record;
  return {
    ...(await runnableOf(values, record)),
    ...{ status: record.status, priority: record.priority, progress: record.progress },
    ...{ submittedAt: record.submittedAt, readyAt: record.readyAt, waitingFor: record.waitingFor },
    cancelRequested: record.status === "running" && record.cancel !== undefined,
    ...(record.status === "running" && record.worker !== undefined ? { worker: record.worker } : {}),
    ...given({ idempotencyKey, submitter, schedule, startedAt, finishedAt, error }),
    ...(result === undefined ? {} : { result: await values.load(result) }),
  };
}

export async function claimedOf(values: JobValues, record: JobRecord): Promise<ClaimedJob> {
  const { token, caller } = record;
  return { ...(await runnableOf(values, record)), token, ...given({ caller }) };
}

async function runnableOf(values: JobValues, record: JobRecord): Promise<RunnableJob> {
  const { id, type, group, attempts, maxAttempts, timeoutMs } = record;
  return { id, type, payload: await values.load(record.payload), group, attempts, maxAttempts, timeoutMs };
}
