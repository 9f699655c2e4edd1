import { cut } from "@aspen/plugin-api";
import { jobsErrors } from "../../errors.js";
import { isFinished } from "../../job-states.js";
import { JOB_LIMITS } from "../../options.js";
import { finish } from "./finish.js";
import type { Change } from "./job-table.js";
import type { JobRecord, VersionedRecord } from "./record.js";
import { cancelled, type SettleParts } from "./settle.js";
import { sameKey } from "./submit.js";

/** @throws AspenError `JOB_STATE`, or as `JobQueue.cancel` */
export async function cancel({ table, retention }: SettleParts, id: string, reason?: string): Promise<VersionedRecord> {
  const wish = reason === undefined ? {} : { reason: cut(reason, JOB_LIMITS.reasonCharacters) };
  const after = await table.change(id, (record) => {
    if (record.status === "cancelled") return null;
    if (isFinished(record.status)) throw jobsErrors.state(id, record.status, "cancelled");
    if (record.status === "running") return record.cancel ? null : { next: { ...record, cancel: wish } };
    const wanted = { ...record, cancel: wish };
    return finish(table, wanted, cancelled(wanted), retention);
  });
  return after!;
}

/** @throws AspenError `JOB_STATE`, or as `JobQueue.retry` */
export async function retry({ table }: SettleParts, id: string): Promise<VersionedRecord> {
  const after = await table.change(id, (record) => {
    if (!isFinished(record.status) || record.status === "completed") {
      throw jobsErrors.state(id, record.status, "retried");
    }
    const readyAt = table.clock.now();
    const counts = { attempts: 0, failures: 0, stalls: 0, keepUntil: 0 };
    const gone = { cancel: undefined, finishedAt: undefined, worker: undefined };
    return { next: { ...record, ...gone, ...counts, status: "pending", readyAt, progress: null } };
  });
  return after!;
}

/** Forgets a finished job, what it logged and what it referenced. @throws AspenError `JOB_STATE`, or as `JobQueue.remove` */
export async function remove(
  { table, values }: SettleParts,
  id: string,
  due: (record: JobRecord) => boolean = () => true,
): Promise<boolean> {
  let removed: JobRecord | null = null;
  await table.change(id, (record): Change | null => {
    removed = null;
    if (!isFinished(record.status)) throw jobsErrors.state(id, record.status, "removed");
    if (!due(record)) return null;
    removed = record;
    const same = sameKey(table, record);
    return { next: null, ops: same === null ? [] : [{ type: "delete", key: same }] };
  });
  if (!removed) return false;
  const { payload, result, token } = removed as JobRecord;
  await removeLog({ table }, id);
  await values.forget(id, "payload", payload);
  await values.forget(id, `result:${token}`, result);
  return true;
}

async function removeLog({ table: { kv, keys } }: Pick<SettleParts, "table">, id: string): Promise<void> {
  for (;;) {
    const { entries } = await kv.scan({ prefix: keys.log(id), limit: 500, keysOnly: true });
    if (entries.length === 0) return;
    await kv.transact({ checks: [], ops: entries.map(({ key }) => ({ type: "delete", key })) });
  }
}
