import { cut } from "@aspen/plugin-api";
import { failureOf, jobsErrors } from "../../errors.js";
import { isFinished } from "../../job-states.js";
import { JOB_LIMITS } from "../../options.js";
import { isRefusal } from "./connection.js";
import { tellDependents } from "./dependents.js";
import { keepEnd } from "./ends.js";
import { type BullJob, readJob } from "./job-record.js";
import type { BullMqParts } from "./parts.js";

/** @throws AspenError `JOB_STATE`, or as `JobQueue.cancel` */
export async function cancel(parts: BullMqParts, id: string, reason?: string): Promise<BullJob> {
  const { bull, signals } = parts;
  const type = await bull.typeOf(id);
  if (type === null) throw jobsErrors.notFound(id);
  const why = reason === undefined ? undefined : cut(reason, JOB_LIMITS.reasonCharacters);
  const ending = JSON.stringify({ status: "cancelled", ...failureOf(jobsErrors.cancelled(why)) });
  const now = Date.now();
  const what = await bull.script("cancel", type, id, now, ending);
  if (what === "active") await signals.cancel(id);
  else if (what === "ended") {
    signals.finished(id);
    signals.ended(id);
    await tellDependents(parts, { id, type, status: "cancelled" });
  }
  const after = await known(parts, id);
  if ((what === "completed" || what === "failed") && after.status !== "cancelled") {
    throw jobsErrors.state(id, after.status, "cancelled");
  }
  return after;
}

/** @throws AspenError `JOB_STATE`, or as `JobQueue.retry` */
export async function retry(parts: BullMqParts, id: string): Promise<BullJob> {
  const { bull, signals } = parts;
  const job = await known(parts, id);
  if (!isFinished(job.status) || job.status === "completed") throw jobsErrors.state(id, job.status, "retried");
  const key = bull.names.of(job.type, id);
  // Before somebody can start it: it begins anew.
  const batch = await bull.batch();
  batch.call("HDEL", key, "cancel", "stc", "progress");
  batch.call("HSET", key, "uncounted", job.starts);
  if (job.meta.tell) batch.call("HSET", bull.names.untold, id, "");
  await batch.exec();
  const minimal = { id, opts: {} } as Parameters<ReturnType<typeof bull.of>["retryFinishedJob"]>[0];
  try {
    await bull.of(job.type).retryFinishedJob(minimal, "failed", { resetAttemptsMade: true });
  } catch (error) {
    if (!isRefusal(error)) throw error;
    throw jobsErrors.state(id, (await known(parts, id)).status, "retried");
  }
  signals.ready(job.type);
  return known(parts, id);
}

/** Forgets a finished job, what it logged and what it referenced. @throws AspenError `JOB_STATE`, or as `JobQueue.remove` */
export async function remove(parts: BullMqParts, id: string): Promise<void> {
  const { bull, values } = parts;
  const job = await known(parts, id);
  if (!isFinished(job.status)) throw jobsErrors.state(id, job.status, "removed");
  // Those that wait for it would do so for ever.
  await tellDependents(parts, job);
  await keepEnd(parts, job);
  await bull.of(job.type).remove(id, false);
  await forgetPlace(parts, job);
  await values.forget(id, "payload", job.payload);
  await values.forget(id, `result:${job.starts}`, job.result);
}

/** Takes a job that is gone from the index. */
async function forgetPlace({ bull }: BullMqParts, { id, submittedAt }: BullJob): Promise<void> {
  const batch = await bull.batch();
  batch.call("ZREM", bull.names.index, bull.names.indexed(id, submittedAt));
  batch.call("HDEL", bull.names.where, id);
  await batch.exec();
}

/** @throws AspenError `JOB_NOT_FOUND` */
async function known({ bull }: BullMqParts, id: string): Promise<BullJob> {
  const job = await readJob(bull, id);
  if (!job) throw jobsErrors.notFound(id);
  return job;
}
