import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { v7 as uuid } from "uuid";
import { jobsErrors } from "../../errors.js";
import { type FlowJob, normalFlow } from "../../flow.js";
import type { JobOrigin, JobRequest } from "../../job.js";
import { isFinished } from "../../job-states.js";
import { type NormalRequest, normalRequest } from "../../options.js";
import { add, addAll, type NewJob, newJob } from "./add.js";
import type { BullMqConnection } from "./connection.js";
import { settleParents } from "./dependents.js";
import { type BullJob, readJob, readJobs } from "./job-record.js";
import type { BullMqParts } from "./parts.js";

/** Milliseconds after which a submit with an idempotency key that did not end no longer keeps others from it. */
const SUBMIT_MS = 30_000;
const SUBMIT_PAUSE_MS = 20;

/** @throws AspenError as `JobQueue.submit` */
export async function submit(parts: BullMqParts, asked: JobRequest): Promise<{ id: string; created: boolean }> {
  const request = normalRequest(asked);
  await assertKnown(parts, request);
  const { type, idempotencyKey } = request;
  if (idempotencyKey === undefined) return { id: await submitNew(parts, uuid(), request), created: true };
  const id = idOf(`key:${type}:${idempotencyKey}`);
  return once(parts, id, async () => {
    await submitNew(parts, id, request);
  });
}

async function submitNew(parts: BullMqParts, id: string, request: NormalRequest): Promise<string> {
  const waitsFor = await unfinished(parts.bull, request);
  const payload = await parts.values.store(id, "payload", request.payload);
  await add(parts, newJob(id, request, payload, waitsFor));
  if (waitsFor.length > 0) await settleParents(parts, waitsFor);
  return id;
}

/** Creates the job with an id unless it is there; of several who try at once, one does. */
async function once(
  { bull }: BullMqParts,
  id: string,
  create: () => Promise<void>,
): Promise<{ id: string; created: boolean }> {
  const lock = bull.names.submitting(id);
  for (;;) {
    if (await readJob(bull, id)) return { id, created: false };
    if ((await bull.call("SET", lock, "1", "NX", "PX", SUBMIT_MS)) !== null) break;
    await delay(SUBMIT_PAUSE_MS);
  }
  try {
    // Whoever had the lock before may have created it since the look.
    if (await readJob(bull, id)) return { id, created: false };
    await create();
    return { id, created: true };
  } finally {
    await bull.call("DEL", lock);
  }
}

/** @throws AspenError as `JobQueue.submitFlow` */
export async function submitFlow(parts: BullMqParts, jobs: readonly FlowJob[]): Promise<Record<string, string>> {
  const flow = normalFlow(jobs);
  for (const { request } of flow) await assertKnown(parts, request);
  const ids = new Map(flow.map(({ name }) => [name, uuid()]));
  const before = await Promise.all(flow.map(({ request }) => unfinished(parts.bull, request)));
  const added: NewJob[] = [];
  try {
    for (const [index, { name, request, after }] of flow.entries()) {
      const id = ids.get(name)!;
      const payload = await parts.values.store(id, "payload", request.payload);
      added.push(newJob(id, request, payload, [...before[index]!, ...after.map((other) => ids.get(other)!)]));
    }
  } catch (error) {
    for (const { id, payload } of added) await parts.values.forget(id, "payload", payload);
    throw error;
  }
  await addAll(parts, added);
  const waited = new Set(before.flat());
  if (waited.size > 0) await settleParents(parts, [...waited]);
  return Object.fromEntries(ids);
}

/**
 * The job of a schedule's tick, which `submit` adds. Its id is the tick's, so that it is there once however often that is
 * called.
 *
 * @throws AspenError as `QueueInStore.prepare`
 */
export async function prepare(
  parts: BullMqParts,
  asked: JobRequest,
  schedule: JobOrigin,
): Promise<{ id: string; submit(): Promise<void> }> {
  const request = normalRequest(asked);
  if (request.dependsOn.length > 0) throw jobsErrors.invalid("dependsOn", "is not for the job of a schedule");
  if (request.idempotencyKey !== undefined) {
    throw jobsErrors.invalid("idempotencyKey", "is not for the job of a schedule: each tick creates another job");
  }
  await assertKnown(parts, request);
  const payload = parts.values.inline("payload", request.payload);
  const id = idOf(`tick:${schedule.name}:${schedule.scheduledAt}`);
  return {
    id,
    submit: async () => {
      if (!(await readJob(parts.bull, id))) await add(parts, newJob(id, request, payload, [], schedule));
    },
  };
}

async function assertKnown({ types }: BullMqParts, { type, allowUnknown }: NormalRequest): Promise<void> {
  if (!allowUnknown && !(await types.has(type))) throw jobsErrors.typeUnknown(type);
}

/** Those that a job depends on and that are not over. @throws AspenError `JOB_NOT_FOUND`, `JOB_DEPENDENCY_FAILED` */
async function unfinished(bull: BullMqConnection, request: NormalRequest): Promise<string[]> {
  const { dependsOn, onDependencyFailure } = request;
  const found = await readJobs(bull, dependsOn);
  const missing = dependsOn.find((_, index) => !found[index]);
  if (missing !== undefined) throw jobsErrors.notFound(missing);
  const jobs = found as BullJob[];
  const failed = jobs.find(({ status }) => isFinished(status) && status !== "completed");
  if (failed && onDependencyFailure === "fail") throw jobsErrors.dependencyFailed(failed.id);
  return jobs.filter(({ status }) => !isFinished(status)).map(({ id }) => id);
}

/** A UUID of version 8 that follows from a text. */
function idOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}
