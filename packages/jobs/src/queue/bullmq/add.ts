import { given } from "@aspen/feature";
import type { RedisQueueBackend } from "bullmq";
import type { JobOrigin } from "../../job.js";
import { JOB_LIMITS, type NormalRequest } from "../../options.js";
import type { StoredValue } from "../kv/record.js";
import { asStoreError } from "./connection.js";
import { type JobMeta, readJobs } from "./job-record.js";
import type { BullMqParts } from "./parts.js";
import { repeatable } from "./repeat.js";

type JobJson = Parameters<RedisQueueBackend["addJob"]>[0];

/** A job that is about to be added. */
export interface NewJob {
  readonly id: string;
  readonly request: NormalRequest;
  readonly payload: StoredValue;
  /** Ids of the jobs that it waits for. */
  readonly waitsFor: readonly string[];
  readonly meta: JobMeta;
  readonly submittedAt: number;
}

export function newJob(
  id: string,
  request: NormalRequest,
  payload: StoredValue,
  waitsFor: readonly string[],
  schedule?: JobOrigin,
): NewJob {
  const { group, timeoutMs, maxStalls, backoff, priority, onDependencyFailure } = request;
  const { idempotencyKey, submitter, caller, tell } = request;
  const meta: JobMeta = {
    ...{ group, timeoutMs, maxStalls, backoff, priority, onDependencyFailure },
    ...given({ idempotencyKey, submitter, caller, tell, schedule, blob: "blob" in payload ? payload.blob : undefined }),
  };
  return { id, request, payload, waitsFor, meta, submittedAt: Date.now() };
}

/** Does nothing when there is a job with its id. */
export async function add(parts: BullMqParts, job: NewJob): Promise<void> {
  const { bull } = parts;
  const { id, request, submittedAt } = job;
  if (job.waitsFor.length > 0 || job.meta.tell) {
    await addAll(parts, [job]);
    return;
  }
  const backend = bull.of(request.type);
  const json = jsonOf(job);
  // In the order in which they are applied: a job is never there without its place in the index. BullMQ adds an id once.
  const write = () =>
    Promise.all([
      bull.script("place", id, request.type, bull.names.indexed(id, submittedAt)),
      backend.addJob(json, id),
    ]);
  await repeatable(() => asStoreError(write));
  tell(parts, job);
}

function tell({ signals }: BullMqParts, { request, waitsFor, submittedAt }: NewJob): void {
  if (waitsFor.length > 0) return;
  if (request.delayMs > 0) signals.due(submittedAt + request.delayMs);
  else signals.ready(request.type);
}

/** All in one step. */
export async function addAll(parts: BullMqParts, jobs: readonly NewJob[]): Promise<void> {
  const { bull } = parts;
  const { names } = bull;
  const batch = await bull.batch();
  const types = new Map(jobs.map(({ id, request }) => [id, request.type]));
  const others = [...new Set(jobs.flatMap(({ waitsFor }) => waitsFor))].filter((id) => !types.has(id));
  for (const job of await readJobs(bull, others)) if (job) types.set(job.id, job.type);
  for (const job of jobs) {
    const { id, request, submittedAt, waitsFor } = job;
    batch.call("HSET", names.where, id, request.type);
    batch.call("ZADD", names.index, 0, names.indexed(id, submittedAt));
    if (job.meta.tell) batch.call("HSET", names.untold, id, "");
    for (const other of waitsFor) {
      batch.call("SADD", names.awaited, other);
      batch.call("SADD", names.children(other), id);
      batch.call("SADD", names.of(request.type, `${id}:dependencies`), names.of(types.get(other)!, other));
    }
    const waiting = { addToWaitingChildren: waitsFor.length > 0 };
    await bull.of(request.type).addJobToTransaction(batch, jsonOf(job), id, waiting);
  }
  const replies = (await batch.exec()) ?? [];
  const failed = replies.find(([error]) => error !== null)?.[0];
  if (failed) throw failed;
  for (const job of jobs) tell(parts, job);
}

/** As BullMQ keeps it, so that any of its workers and boards can read it. */
function jsonOf({ id, request, payload, meta, submittedAt }: NewJob): JobJson {
  const { type, delayMs, attempts, backoff, priority } = request;
  const opts = {
    ...{ attempts, delay: delayMs, priority: bullPriority(priority), aspen: JSON.stringify(meta) },
    // For workers of BullMQ that know no others; ours ask the field above.
    ...(backoff.type === "list" ? {} : { backoff: { type: backoff.type, delay: backoff.delayMs } }),
  };
  return {
    ...{ id, name: type, data: "json" in payload ? payload.json : "null", opts, timestamp: submittedAt },
    ...{ progress: 0, attemptsMade: 0, attemptsStarted: 0, failedReason: "", returnvalue: "", stalledCounter: 0 },
  };
}

/** Of BullMQ's, 1 comes first, and those without one come before all: every job has one. */
function bullPriority(priority: number): number {
  return JOB_LIMITS.priority + 1 - priority;
}
