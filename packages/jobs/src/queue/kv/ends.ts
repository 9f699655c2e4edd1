import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import type { Op } from "@aspen/storage";
import type { JobEnd } from "../../ends/job-end.js";
import type { JobTable } from "./job-table.js";
import type { JobRecord } from "./record.js";

/** Ends that one call reads. */
const BATCH = 100;

/** What notes the end of a job, in the transaction that ends it, when somebody is to be told. */
export function endOps({ keys }: Pick<JobTable, "keys">, record: JobRecord): Op[] {
  const end = endOf(record);
  if (!end) return [];
  return [{ type: "put", key: keys.end(end), value: encodeUtf8(JSON.stringify(end)) }];
}

/** Those that are noted, of one job or of all. */
export async function untold({ kv, keys }: JobTable, id?: string): Promise<JobEnd[]> {
  const { entries } = await kv.scan({ prefix: id === undefined ? keys.ends : keys.endsOf(id), limit: BATCH });
  return entries.map(({ value }) => JSON.parse(decodeUtf8(value)) as JobEnd);
}

function endOf({ id, type, status, tell, attempts, finishedAt, error }: JobRecord): JobEnd | null {
  if (!tell || finishedAt === undefined) return null;
  const ended = status as JobEnd["status"];
  return { id, type, status: ended, audience: tell, attempts, finishedAt, ...(error ? { error } : {}) };
}
