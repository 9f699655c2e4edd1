import { JOB_STATUSES, type JobStatus } from "../../job-states.js";
import type { JobStats } from "../contract.js";
import type { JobTable } from "./job-table.js";
import { idAt } from "./keys.js";

const COUNTED_TO = 10_000;

/** @throws AspenError what the store throws */
export async function stats(table: JobTable, types: readonly string[]): Promise<JobStats> {
  const { kv, keys } = table;
  const count = async (prefix: string) => (await kv.scan({ prefix, limit: COUNTED_TO, keysOnly: true })).entries.length;
  const statuses = JOB_STATUSES.map(async (status) => [status, await count(keys.at(status))] as const);
  const waiting = types.map(async (type) => [type, await count(keys.pending(type))] as const);
  const running = await runningByType(table);
  const byType = (await Promise.all(waiting)).map(
    ([type, waiting]) => [type, { waiting, running: running.get(type) ?? 0 }] as const,
  );
  return {
    byStatus: Object.fromEntries(await Promise.all(statuses)) as Record<JobStatus, number>,
    byType: Object.fromEntries(byType),
    countedTo: COUNTED_TO,
  };
}

/** Of running jobs there are as many as there are slots: they are read. */
async function runningByType(table: JobTable): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const prefix = table.keys.at("running");
  let after: string | undefined;
  for (let seen = 0; seen < COUNTED_TO; ) {
    const page = await table.kv.scan({
      prefix,
      limit: 1000,
      keysOnly: true,
      ...(after === undefined ? {} : { after }),
    });
    const found = await table.readMany(page.entries.map(({ key }) => idAt(key)));
    for (const { record } of found) counts.set(record.type, (counts.get(record.type) ?? 0) + 1);
    seen += page.entries.length;
    after = page.cursor;
    if (after === undefined) break;
  }
  return counts;
}
