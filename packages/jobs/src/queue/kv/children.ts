import { isAspenError } from "@aspen/plugin-api";
import { failureOf, jobsErrors } from "../../errors.js";
import { isFinished } from "../../job-states.js";
import { finish } from "./finish.js";
import type { Change } from "./job-table.js";
import type { JobRecord } from "./record.js";
import type { SettleParts } from "./settle.js";

/**
 * Tells those that wait for a job that it is over. It may be cut off, or be done by several at once: each child is told
 * in a transaction of its own, and the mark that there are some goes last. Gives the children as they are then.
 */
export async function tellChildren(parts: SettleParts, id: string): Promise<JobRecord[]> {
  const { kv, keys } = parts.table;
  const told: JobRecord[] = [];
  const mark = await kv.get(keys.over(id));
  if (!mark) return told;
  const parent = await parts.table.read(id);
  // One that was started again by hand meanwhile tells them when it ends again.
  const again = parent !== null && !isFinished(parent.record.status);
  const completed = parent?.record.status === "completed";
  while (!again) {
    const { entries } = await kv.scan({ prefix: keys.children(id), limit: 100, keysOnly: true });
    if (entries.length === 0) break;
    for (const { key } of entries) {
      const child = await tellChild(parts, { id, completed }, key.slice(keys.children(id).length));
      if (child) told.push(child);
      await kv.delete(key);
    }
  }
  // Unless it has ended once more.
  await kv.transact({
    checks: [{ key: mark.key, version: mark.version }],
    ops: [{ type: "delete", key: mark.key }],
  });
  return told;
}

async function tellChild(
  parts: SettleParts,
  parent: { id: string; completed: boolean },
  child: string,
): Promise<JobRecord | null> {
  try {
    const after = await parts.table.change(child, (record) => afterParent(parts, record, parent));
    return after?.record ?? null;
  } catch (error) {
    if (isAspenError(error) && error.code === "JOB_NOT_FOUND") return null;
    throw error;
  }
}

function afterParent(
  { table, retention }: SettleParts,
  record: JobRecord,
  parent: { id: string; completed: boolean },
): Change | null {
  if (record.status !== "pending" || !record.waitingFor.includes(parent.id)) return null;
  if (!parent.completed && record.onDependencyFailure === "fail") {
    const error = failureOf(jobsErrors.dependencyFailed(parent.id));
    return finish(table, record, { status: "failed", error }, retention);
  }
  const waitingFor = record.waitingFor.filter((id) => id !== parent.id);
  const early = waitingFor.length === 0 && record.readyAt > table.clock.now();
  return { next: { ...record, waitingFor, status: early ? "scheduled" : "pending" } };
}
