import { backoffMs } from "../../backoff.js";
import { failureOf, jobsErrors } from "../../errors.js";
import type { JobFailure } from "../../job.js";
import type { JobStatus } from "../../job-states.js";
import type { JobLease } from "../contract.js";
import { finish, type Retention } from "./finish.js";
import type { Change, JobTable } from "./job-table.js";
import type { JobValues } from "./job-values.js";
import { mayBeApplied } from "./outcome.js";
import type { JobRecord, VersionedRecord } from "./record.js";

export interface SettleParts {
  readonly table: JobTable;
  readonly values: JobValues;
  readonly retention: Retention;
  readonly random: () => number;
}

/** True for the attempt that the token belongs to, while it runs. */
function holds(record: JobRecord, { token }: JobLease): boolean {
  return record.status === "running" && record.token === token;
}

/** @throws AspenError `LEASE_LOST`, or as `JobQueue.complete` */
export async function complete(
  { table, values, retention }: SettleParts,
  lease: JobLease,
  value: unknown,
  known?: VersionedRecord,
): Promise<VersionedRecord> {
  const name = `result:${lease.token}` as const;
  const result = await values.store(lease.id, name, value);
  let kept = false;
  try {
    const after = await change(table, lease, known, (record) => {
      // Done by an attempt before, whose answer was lost.
      if (record.status === "completed" && record.token === lease.token) return null;
      if (!holds(record, lease)) throw jobsErrors.leaseLost(lease.id);
      if (record.cancel) return finish(table, record, cancelled(record), retention);
      return finish(table, record, { status: "completed", result }, retention);
    });
    kept = after.record.result !== undefined;
    return after;
  } catch (error) {
    kept = mayBeApplied(error);
    throw error;
  } finally {
    if (!kept) await values.forget(lease.id, name, result);
  }
}

/** @throws AspenError `LEASE_LOST`, or as `JobQueue.fail` */
export function fail(
  parts: SettleParts,
  lease: JobLease,
  failure: JobFailure,
  known?: VersionedRecord,
): Promise<VersionedRecord> {
  const settled: readonly JobStatus[] = ["retrying", "failed", "dead_letter", "cancelled"];
  return change(parts.table, lease, known, (record) => {
    if (record.token === lease.token && settled.includes(record.status)) return null;
    if (!holds(record, lease)) throw jobsErrors.leaseLost(lease.id);
    return afterFailure(parts, record, failure);
  });
}

function afterFailure({ table, retention, random }: SettleParts, record: JobRecord, failure: JobFailure): Change {
  if (record.cancel) return finish(table, record, cancelled(record), retention);
  const failed = { ...record, failures: record.failures + 1 };
  if (failure.permanent || failed.maxAttempts === 1) {
    return finish(table, failed, { status: "failed", error: failure }, retention);
  }
  if (failed.failures >= failed.maxAttempts) {
    return finish(table, failed, { status: "dead_letter", error: failure }, retention);
  }
  const readyAt = table.clock.now() + backoffMs(failed.backoff, failed.failures, random);
  return { next: { ...failed, status: "retrying", readyAt, leaseUntil: 0, error: failure } };
}

/** @throws AspenError `LEASE_LOST`, or as `JobQueue.release` */
export function release(
  { table, retention }: SettleParts,
  lease: JobLease,
  known?: VersionedRecord,
): Promise<VersionedRecord> {
  return change(table, lease, known, (record) => {
    if (record.token === lease.token && record.status === "pending") return null;
    if (!holds(record, lease)) throw jobsErrors.leaseLost(lease.id);
    if (record.cancel) return finish(table, record, cancelled(record), retention);
    return { next: { ...record, status: "pending", attempts: record.attempts - 1, leaseUntil: 0 } };
  });
}

/** What becomes of a job whose lease is over; null when it is not. */
export function afterStall({ table, retention }: SettleParts, record: JobRecord): Change | null {
  if (record.status !== "running" || record.leaseUntil > table.clock.now()) return null;
  if (record.cancel) return finish(table, record, cancelled(record), retention);
  const stalls = record.stalls + 1;
  const error = failureOf(jobsErrors.stalled(stalls));
  if (stalls > record.maxStalls) {
    return finish(table, { ...record, stalls }, { status: "dead_letter", error }, retention);
  }
  return { next: { ...record, stalls, status: "pending", leaseUntil: 0, error } };
}

export function cancelled({ cancel }: JobRecord) {
  return { status: "cancelled", error: failureOf(jobsErrors.cancelled(cancel?.reason)) } as const;
}

/** A job that is gone is one that is not leased. */
async function change(
  table: JobTable,
  { id }: JobLease,
  known: VersionedRecord | undefined,
  decide: (record: JobRecord) => Change | null,
): Promise<VersionedRecord> {
  const after = await table.change(id, decide, known).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === "JOB_NOT_FOUND") throw jobsErrors.leaseLost(id);
    throw error;
  });
  return after!;
}
