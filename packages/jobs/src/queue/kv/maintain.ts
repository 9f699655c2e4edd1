import { isAspenError } from "@aspen/plugin-api";
import { isFinished, JOB_STATUSES, type JobStatus } from "../../job-states.js";
import type { MaintainOptions } from "../contract.js";
import { tellChildren } from "./children.js";
import { remove } from "./control.js";
import { idAt, timeAt } from "./keys.js";
import type { JobRecord } from "./record.js";
import { afterStall, type SettleParts } from "./settle.js";

/** Jobs of one kind that one call looks after; the next call goes on. */
const BATCH = 500;
const AT_ONCE = 32;

/** What was done, and what can be claimed, or becomes due, by it. */
export interface Upkeep {
  promoted: number;
  stalled: number;
  removed: number;
  nextAt: number | null;
  idle: boolean;
  changed: JobRecord[];
}

/** Several may do this at once: each change is of one job, and made by one of them. */
export async function maintain(parts: SettleParts, { keep, signal }: MaintainOptions): Promise<Upkeep> {
  const upkeep: Upkeep = { promoted: 0, stalled: 0, removed: 0, nextAt: null, idle: true, changed: [] };
  for (const status of ["scheduled", "retrying"] as const) {
    upkeep.promoted += await eachDue(parts, status, upkeep, signal, (id) => promote(parts, id, upkeep));
  }
  upkeep.stalled = await eachDue(parts, "running", upkeep, signal, async (id) => {
    return keep?.has(id) ? false : stall(parts, id, upkeep);
  });
  await tellAllChildren(parts, upkeep, signal);
  for (const status of JOB_STATUSES.filter(isFinished)) {
    upkeep.removed += await eachDue(parts, status, upkeep, signal, (id) => {
      return remove(parts, id, ({ keepUntil }) => keepUntil <= parts.table.clock.now());
    });
  }
  return upkeep;
}

/** How many of the jobs of a status whose time has come `act` has changed. */
async function eachDue(
  { table: { kv, keys, clock } }: SettleParts,
  status: JobStatus,
  upkeep: Upkeep,
  signal: AbortSignal | undefined,
  act: (id: string) => Promise<boolean>,
): Promise<number> {
  const { entries } = await kv.scan({ prefix: keys.at(status), limit: BATCH, keysOnly: true });
  const now = clock.now();
  const due = entries.filter(({ key }) => timeAt(key) <= now);
  const next = entries[due.length];
  if (entries.length > 0) upkeep.idle = false;
  // That a job was kept long enough needs no timer: the looks that are made anyway find it.
  if (next && !isFinished(status))
    upkeep.nextAt = Math.min(upkeep.nextAt ?? Number.POSITIVE_INFINITY, timeAt(next.key));
  // More may be due than was looked at.
  if (due.length === BATCH) upkeep.nextAt = now;
  let changed = 0;
  for (let start = 0; start < due.length && !signal?.aborted; start += AT_ONCE) {
    const batch = due.slice(start, start + AT_ONCE);
    const done = await Promise.all(batch.map(({ key }) => unlessGone(() => act(idAt(key)))));
    changed += done.filter(Boolean).length;
  }
  return changed;
}

/** False when somebody else was at the job first. */
async function unlessGone(act: () => Promise<boolean>): Promise<boolean> {
  try {
    return await act();
  } catch (error) {
    if (isAspenError(error) && (error.code === "JOB_NOT_FOUND" || error.code === "JOB_STATE")) return false;
    throw error;
  }
}

async function promote({ table }: SettleParts, id: string, upkeep: Upkeep): Promise<boolean> {
  let due = false;
  const after = await table.change(id, (record) => {
    due = (record.status === "scheduled" || record.status === "retrying") && record.readyAt <= table.clock.now();
    if (!due) return null;
    return { next: { ...record, status: "pending" } };
  });
  if (due && after) upkeep.changed.push(after.record);
  return due;
}

async function stall(parts: SettleParts, id: string, upkeep: Upkeep): Promise<boolean> {
  let stalled = false;
  const after = await parts.table.change(id, (record) => {
    const change = afterStall(parts, record);
    stalled = change !== null;
    return change;
  });
  if (stalled && after) upkeep.changed.push(after.record);
  return stalled;
}

/** Those whose parents ended while nobody told them. */
async function tellAllChildren(parts: SettleParts, upkeep: Upkeep, signal: AbortSignal | undefined): Promise<void> {
  const { kv, keys } = parts.table;
  const { entries } = await kv.scan({ prefix: keys.overs, limit: BATCH, keysOnly: true });
  for (const { key } of entries) {
    if (signal?.aborted) return;
    upkeep.idle = false;
    upkeep.changed.push(...(await tellChildren(parts, key.slice(keys.overs.length))));
  }
}
