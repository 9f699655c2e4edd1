import { jobsErrors } from "../../errors.js";
import { JOB_STATUSES } from "../../job-states.js";
import { assertJobType, whole } from "../../options.js";
import type { ListJobsOptions } from "../contract.js";
import type { JobTable } from "./job-table.js";
import { idAt } from "./keys.js";
import type { JobRecord } from "./record.js";

/** Jobs that one call looks at. */
const LOOKS = 5000;
const STEP = 200;

/** @throws AspenError `INVALID_PARAMS`, `CURSOR_INVALID`, or what the store throws */
export async function list(
  table: JobTable,
  { status, type, group, submitter, limit = 100, after }: ListJobsOptions,
): Promise<{ records: JobRecord[]; cursor: string | null }> {
  whole("limit", limit, 1, 1000);
  if (type !== undefined) assertJobType(type);
  if (status !== undefined && !JOB_STATUSES.includes(status)) {
    throw jobsErrors.invalid("status", `must be one of ${JOB_STATUSES.join(", ")}`);
  }
  const { kv, keys } = table;
  // Ids begin with the time of the submit.
  const scan = status === undefined ? { prefix: `${keys.namespace}job:`, reverse: true } : { prefix: keys.at(status) };
  const records: JobRecord[] = [];
  let cursor = after;
  for (let looks = 0; looks < LOOKS; looks += STEP) {
    // No more than are missing, so that the cursor stands behind the last one that is shown.
    const size = Math.min(STEP, limit - records.length);
    const page = await kv.scan({
      ...scan,
      keysOnly: true,
      limit: size,
      ...(cursor === undefined ? {} : { after: cursor }),
    });
    const found = await table.readMany(page.entries.map(({ key }) => idAt(key)));
    const fitting = found.filter(({ record }) => {
      return (
        (status === undefined || record.status === status) &&
        (type === undefined || record.type === type) &&
        (group === undefined || record.group === group) &&
        (submitter === undefined || record.submitter === submitter)
      );
    });
    records.push(...fitting.map(({ record }) => record));
    cursor = page.cursor;
    if (cursor === undefined || records.length >= limit) break;
  }
  return { records, cursor: cursor ?? null };
}
