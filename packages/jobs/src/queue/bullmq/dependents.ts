import { failureOf, jobsErrors } from "../../errors.js";
import { isFinished } from "../../job-states.js";
import { type BullJob, readJob, readJobs } from "./job-record.js";
import type { BullMqParts } from "./parts.js";

/** Tells those that wait for these jobs, if they are over. */
export async function settleParents(parts: BullMqParts, ids: readonly string[]): Promise<void> {
  for (const job of await readJobs(parts.bull, ids)) {
    if (job && isFinished(job.status)) await tellDependents(parts, job);
  }
}

/**
 * Tells those that wait for a job that it is over. It may be cut off, or be done by several at once: a job is forgotten as
 * one that waits when it has been told, and the mark that there are some goes last.
 */
export async function tellDependents(
  parts: BullMqParts,
  parent: Pick<BullJob, "id" | "type" | "status">,
): Promise<void> {
  const { bull } = parts;
  const { names } = bull;
  const children = (await bull.call("SMEMBERS", names.children(parent.id))) as string[];
  for (const id of children) {
    await tellOne(parts, parent, id);
    await bull.call("SREM", names.children(parent.id), id);
  }
  // One that was submitted meanwhile looks at its parents itself, when it is there.
  if ((await bull.call("EXISTS", names.children(parent.id))) === 0) await bull.call("SREM", names.awaited, parent.id);
}

async function tellOne(parts: BullMqParts, parent: Pick<BullJob, "id" | "type" | "status">, id: string): Promise<void> {
  const { bull, signals } = parts;
  const child = await readJob(bull, id);
  if (!child) return;
  const { names } = bull;
  const reason = { status: "failed", ...failureOf(jobsErrors.dependencyFailed(parent.id)) };
  const failed = parent.status === "completed" ? "0" : "1";
  const parentKey = names.of(parent.type, parent.id);
  const now = Date.now();
  const what = await bull.script("parentOver", child.type, id, parentKey, failed, now, JSON.stringify(reason));
  if (what === "ready") {
    // The delay counts from the submit.
    await bull.release(child.type, id, child.submittedAt);
    if (child.readyAt > now) signals.due(child.readyAt);
    else signals.ready(child.type);
  } else if (what === "ended") {
    signals.finished(id);
    signals.ended(id);
    await tellDependents(parts, { id, type: child.type, status: "failed" });
  }
}
