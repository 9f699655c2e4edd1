import { encodeUtf8, LIMITS } from "@aspen/plugin-api";
import type { Check, Op } from "@aspen/storage";
import { v7 as uuid } from "uuid";
import { jobsErrors } from "../../errors.js";
import { type FlowJob, type NormalFlowJob, normalFlow } from "../../flow.js";
import type { JobTable } from "./job-table.js";
import { mayBeApplied } from "./outcome.js";
import { encodeRecord, type JobRecord, type StoredValue, type VersionedRecord } from "./record.js";
import { blankRecord, readParents, type SubmitParts } from "./submit.js";

/** Times that it is tried against changes of the jobs that it depends on. */
const ATTEMPTS = 100;

interface Draft extends NormalFlowJob {
  readonly blank: JobRecord;
  readonly payload: StoredValue;
}

/** The jobs that were stored, in the order of `asked`. @throws AspenError as `JobQueue.submitFlow` */
export async function submitFlow(parts: SubmitParts, asked: readonly FlowJob[]): Promise<JobRecord[]> {
  const { table, values, types } = parts;
  const jobs = normalFlow(asked);
  for (const { request } of jobs) {
    if (!request.allowUnknown && !(await types.has(request.type))) throw jobsErrors.typeUnknown(request.type);
  }
  const now = table.clock.now();
  const drafts: Draft[] = [];
  try {
    for (const job of jobs) {
      const id = uuid();
      const payload = await values.store(id, "payload", job.request.payload);
      drafts.push({ ...job, payload, blank: blankRecord(id, job.request, payload, now) });
    }
    return await insertAll(table, drafts);
  } catch (error) {
    // Rather a blob that nobody needs than a job without its payload.
    if (!mayBeApplied(error)) {
      for (const { blank, payload } of drafts) await values.forget(blank.id, "payload", payload);
    }
    throw error;
  }
}

async function insertAll(table: JobTable, drafts: readonly Draft[]): Promise<JobRecord[]> {
  const { kv, keys } = table;
  const first = keys.job(drafts[0]!.blank.id);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { jobs, transaction } = await compose(table, drafts);
    const result = await table.transact(transaction);
    if (result !== "unknown" && result.ok) return jobs;
    // The record of the first is there: the attempt whose answer was lost was applied.
    if (await kv.get(first)) return jobs;
  }
  throw jobsErrors.conflict(drafts[0]!.blank.id, ATTEMPTS);
}

/** The flow on what its outer dependencies are now. */
async function compose(table: JobTable, drafts: readonly Draft[]) {
  const { keys } = table;
  const ids = new Map(drafts.map(({ name, blank }) => [name, blank.id]));
  const followers = new Map<string, number>();
  const outer = new Map<string, { parent: VersionedRecord; children: number }>();
  const ops: Op[] = [];
  const waiting: JobRecord[] = [];
  for (const { blank, request, after } of drafts) {
    const parents = await readParents(table, blank, request.dependsOn);
    const waitingFor = [...after.map((name) => ids.get(name)!), ...parents.waiting.map(({ record }) => record.id)];
    for (const id of waitingFor) {
      followers.set(id, (followers.get(id) ?? 0) + 1);
      ops.push({ type: "put", key: keys.child(id, blank.id), value: encodeUtf8("{}") });
    }
    for (const parent of parents.waiting) {
      const { children } = outer.get(parent.record.id) ?? { children: 0 };
      outer.set(parent.record.id, { parent, children: children + 1 });
    }
    // What waits is `pending`, with its delay still to come.
    waiting.push(waitingFor.length > 0 ? { ...blank, status: "pending", waitingFor } : blank);
  }
  const jobs = waiting.map((job) => ({ ...job, children: followers.get(job.id) ?? 0 }));
  const checks: Check[] = [{ key: keys.job(jobs[0]!.id), value: null }];
  for (const { parent, children } of outer.values()) {
    const { record, version } = parent;
    checks.push({ key: keys.job(record.id), version });
    const value = encodeRecord({ ...record, children: record.children + children });
    ops.push({ type: "put", key: keys.job(record.id), value });
  }
  const all = once([...jobs.flatMap((job) => table.ops(null, job)), ...ops]);
  if (all.length > LIMITS.batchOps) throw jobsErrors.flowTooLarge(all.length, LIMITS.batchOps);
  return { jobs, transaction: { checks, ops: all } };
}

/** The mark of a group is the same for all of its jobs. */
function once(ops: readonly Op[]): Op[] {
  const seen = new Set<string>();
  return ops.filter((op) => {
    if (op.type === "append") return true;
    if (seen.has(op.key)) return false;
    seen.add(op.key);
    return true;
  });
}
