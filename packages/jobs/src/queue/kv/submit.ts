import { createHash } from "node:crypto";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import type { Check, Op } from "@aspen/storage";
import { v7 as uuid } from "uuid";
import { jobsErrors } from "../../errors.js";
import type { JobOrigin, JobRequest } from "../../job.js";
import { isFinished } from "../../job-states.js";
import { type NormalRequest, normalRequest } from "../../options.js";
import type { JobTable } from "./job-table.js";
import type { JobValues } from "./job-values.js";
import { mayBeApplied } from "./outcome.js";
import { encodeRecord, type JobRecord, recordOf, type StoredValue } from "./record.js";
import type { TypesRegistry } from "./types-registry.js";

/** Times that a submit is tried against changes of the jobs that it depends on. */
const ATTEMPTS = 100;

export interface SubmitParts {
  readonly table: JobTable;
  readonly values: JobValues;
  readonly types: TypesRegistry;
}

export interface Submitted {
  readonly id: string;
  readonly created: boolean;
  /** What was stored; null when the job was there. */
  readonly stored: JobRecord | null;
}

/** @throws AspenError as `JobQueue.submit` */
export async function submit({ table, values, types }: SubmitParts, asked: JobRequest): Promise<Submitted> {
  const request = normalRequest(asked);
  const { type } = request;
  if (!request.allowUnknown && !(await types.has(type))) throw jobsErrors.typeUnknown(type);
  const id = uuid();
  const payload = await values.store(id, "payload", request.payload);
  try {
    const submitted = await insert(table, blankRecord(id, request, payload, table.clock.now()), request.dependsOn);
    if (!submitted.created) await values.forget(id, "payload", payload);
    return submitted;
  } catch (error) {
    // Rather a blob that nobody needs than a job without its payload.
    if (!mayBeApplied(error)) await values.forget(id, "payload", payload);
    throw error;
  }
}

/** A job that another transaction creates. @throws AspenError as `QueueInStore.prepare` */
export async function prepare({ table, values, types }: SubmitParts, asked: JobRequest, schedule: JobOrigin) {
  const request = normalRequest(asked);
  if (request.dependsOn.length > 0) throw jobsErrors.invalid("dependsOn", "is not for the job of a schedule");
  if (request.idempotencyKey !== undefined) {
    throw jobsErrors.invalid("idempotencyKey", "is not for the job of a schedule: each tick creates another job");
  }
  if (!request.allowUnknown && !(await types.has(request.type))) throw jobsErrors.typeUnknown(request.type);
  const payload = values.inline("payload", request.payload);
  const job: JobRecord = { ...blankRecord(uuid(), request, payload, table.clock.now()), schedule };
  const checks: Check[] = [{ key: table.keys.job(job.id), value: null }];
  return { job, checks, ops: table.ops(null, job) };
}

/** A job that waits for nothing but its delay. */
export function blankRecord(id: string, request: NormalRequest, payload: StoredValue, now: number): JobRecord {
  const { type, priority, group, timeoutMs, attempts, backoff, maxStalls, delayMs } = request;
  const { idempotencyKey, submitter, caller, tell } = request;
  return recordOf({
    id,
    type,
    status: delayMs > 0 ? "scheduled" : "pending",
    payload,
    submittedAt: now,
    readyAt: now + delayMs,
    priority,
    group,
    timeoutMs,
    maxAttempts: attempts,
    backoff,
    maxStalls,
    onDependencyFailure: request.onDependencyFailure,
    idempotencyKey,
    submitter,
    caller,
    tell,
  });
}

async function insert(table: JobTable, blank: JobRecord, dependsOn: readonly string[]): Promise<Submitted> {
  const { kv, keys } = table;
  const { id } = blank;
  const same = sameKey(table, blank);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = same === null ? null : await kv.get(same);
    if (first) return { id: decodeUtf8(first.value), created: decodeUtf8(first.value) === id, stored: null };
    const parents = await readParents(table, blank, dependsOn);
    const waitingFor = parents.waiting.map(({ record }) => record.id);
    // What waits is `pending`, with its delay still to come.
    const job: JobRecord = waitingFor.length > 0 ? { ...blank, status: "pending", waitingFor } : blank;
    const checks: Check[] = [{ key: keys.job(id), value: null }];
    const ops: Op[] = table.ops(null, job);
    if (same !== null) {
      checks.push({ key: same, value: null });
      ops.push({ type: "put", key: same, value: encodeUtf8(id) });
    }
    for (const { record, version } of parents.waiting) {
      checks.push({ key: keys.job(record.id), version });
      // Changes the version, so that a parent that ends now reads its children again.
      ops.push({
        type: "put",
        key: keys.job(record.id),
        value: encodeRecord({ ...record, children: record.children + 1 }),
      });
      ops.push({ type: "put", key: keys.child(record.id, id), value: encodeUtf8("{}") });
    }
    const result = await table.transact({ checks, ops });
    if (result !== "unknown" && result.ok) return { id, created: true, stored: job };
    // Its own record is there: the attempt whose answer was lost was applied.
    if (await kv.get(keys.job(id))) return { id, created: true, stored: job };
  }
  throw jobsErrors.conflict(id, ATTEMPTS);
}

/** @throws AspenError `JOB_NOT_FOUND`, `JOB_DEPENDENCY_FAILED` */
export async function readParents(table: JobTable, { onDependencyFailure }: JobRecord, ids: readonly string[]) {
  const found = await table.readMany(ids);
  const missing = ids.find((id) => !found.some(({ record }) => record.id === id));
  if (missing !== undefined) throw jobsErrors.notFound(missing);
  const over = found.filter(({ record }) => isFinished(record.status));
  const failed = over.find(({ record }) => record.status !== "completed");
  if (failed && onDependencyFailure === "fail") throw jobsErrors.dependencyFailed(failed.record.id);
  return { waiting: found.filter((it) => !over.includes(it)) };
}

/** The key that leads to the job of an idempotency key. */
export function sameKey({ keys }: JobTable, { type, idempotencyKey }: JobRecord): string | null {
  if (idempotencyKey === undefined) return null;
  return keys.same(type, createHash("sha256").update(idempotencyKey).digest("hex"));
}
