import { jobsErrors } from "../../errors.js";
import { isFinished } from "../../job-states.js";
import type { JobTable } from "./job-table.js";
import { decodeRecord, type JobRecord } from "./record.js";

/** The record as soon as the job is finished. @throws AspenError `CANCELLED`, `JOB_NOT_FOUND`, or what the store throws */
export async function waitFor({ kv, keys }: JobTable, id: string, given?: AbortSignal): Promise<JobRecord> {
  const done = new AbortController();
  const signal = given ? AbortSignal.any([given, done.signal]) : done.signal;
  try {
    let found = false;
    for await (const event of kv.watch(keys.job(id), { signal })) {
      if (event.type === "entry" || event.type === "put") {
        found = true;
        const record = decodeRecord(event.value);
        if (isFinished(record.status)) return record;
      } else if (event.type === "delete" || !found) throw jobsErrors.notFound(id);
    }
    throw jobsErrors.gaveUp(`waiting for job ${id}`);
  } finally {
    done.abort();
  }
}
