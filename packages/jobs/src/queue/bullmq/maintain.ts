import { isAspenError } from "@aspen/plugin-api";
import { failureOf, jobsErrors } from "../../errors.js";
import { isFinished } from "../../job-states.js";
import type { Maintained, MaintainOptions } from "../contract.js";
import type { BullMqClaimer } from "./claim.js";
import { isRefusal } from "./connection.js";
import { remove } from "./control.js";
import { tellDependents } from "./dependents.js";
import { readJobs } from "./job-record.js";
import type { BullMqParts, Retention } from "./parts.js";

/** Jobs of one kind that one call looks after; the next call goes on. */
const BATCH = 500;
const PAGES = 10;
const DELAYED_SCORE = 0x1000;

type Upkeep = { -readonly [K in keyof Maintained]: Maintained[K] };

/** Several may do this at once: each change is of one job, and made by one of them. */
export async function maintain(
  parts: BullMqParts,
  claimer: BullMqClaimer,
  { keep = new Set(), signal }: MaintainOptions,
): Promise<Maintained> {
  const kept = [...keep].flatMap((id) => [id, claimer.lockOf(id) ?? ""]);
  const upkeep: Upkeep = { promoted: 0, stalled: 0, removed: 0, nextAt: null, idle: true };
  for (const type of await parts.bull.queues()) {
    if (signal?.aborted) return upkeep;
    await promote(parts, type, upkeep);
    await stalls(parts, type, upkeep, kept);
    await expire(parts, type, upkeep, signal);
  }
  await tellAllDependents(parts, upkeep);
  return upkeep;
}

/** Those whose delay or back-off is over. A claim of BullMQ promotes them as well. */
async function promote({ bull, signals }: BullMqParts, type: string, upkeep: Upkeep): Promise<void> {
  const key = bull.names.of(type, "delayed");
  const now = Date.now();
  const most = (now + 1) * DELAYED_SCORE - 1;
  const due = (await bull.call("ZRANGEBYSCORE", key, 0, most, "LIMIT", 0, BATCH)) as string[];
  const backend = bull.of(type);
  for (const id of due) {
    const promoted = await unlessRefused(() => backend.promote(id));
    if (promoted) upkeep.promoted += 1;
  }
  if (due.length > 0) signals.ready(type);
  const [first] = await bull.byScore(key, "-inf", 0, 1);
  if (first) next(upkeep, Math.max(now, Math.floor(Number(first.score) / DELAYED_SCORE)));
}

/** Those whose lock is over. */
async function stalls(parts: BullMqParts, type: string, upkeep: Upkeep, kept: readonly string[]): Promise<void> {
  const { bull, signals } = parts;
  const now = Date.now();
  const text = (status?: "dead_letter") => {
    const failure = failureOf(jobsErrors.stalled("@stalls@" as unknown as number));
    return JSON.stringify({ ...(status ? { status } : {}), ...failure }).replaceAll('"@stalls@"', "@stalls@");
  };
  const [nextMs, ...found] = (await bull.script("stalls", type, now, text("dead_letter"), text(), ...kept)) as [
    number,
    ...string[],
  ];
  if (nextMs >= 0) next(upkeep, now + nextMs + 1);
  for (let at = 0; at < found.length; at += 2) {
    const [id, status] = found.slice(at, at + 2) as [string, "pending" | "cancelled" | "dead_letter"];
    upkeep.stalled += 1;
    upkeep.idle = false;
    if (status === "pending") signals.ready(type);
    else {
      signals.finished(id);
      await tellDependents(parts, { id, type, status });
    }
  }
}

/** Those that were kept long enough. */
async function expire(
  parts: BullMqParts,
  type: string,
  upkeep: Upkeep,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { bull, retention } = parts;
  const now = Date.now();
  const shortest = { completed: retention.completed, failed: Math.min(retention.failed, retention.dead_letter) };
  for (const [state, keepMs] of Object.entries(shortest)) {
    const key = bull.names.of(type, state);
    if (((await bull.call("ZCARD", key)) as number) > 0) upkeep.idle = false;
    let kept = 0;
    for (let page = 0; page < PAGES && !signal?.aborted; page++) {
      const ids = (await bull.call("ZRANGEBYSCORE", key, "-inf", now - keepMs, "LIMIT", kept, BATCH)) as string[];
      for (const job of await readJobs(bull, ids)) {
        const keptMs = job && retention[job.status === "cancelled" ? "failed" : (job.status as keyof Retention)];
        const due = job?.finishedAt !== undefined && keptMs !== null && job.finishedAt + keptMs <= now;
        if (due && (await unlessRefused(() => remove(parts, job.id)))) upkeep.removed += 1;
        else kept += 1;
      }
      if (ids.length < BATCH) break;
    }
  }
}

/** Those whose parents ended while nobody told them, or were removed by another tool of BullMQ. */
async function tellAllDependents(parts: BullMqParts, upkeep: Upkeep): Promise<void> {
  const { bull } = parts;
  const waited = (await bull.call("SRANDMEMBER", bull.names.awaited, BATCH)) as string[];
  if (waited.length > 0) upkeep.idle = false;
  for (const [index, job] of (await readJobs(bull, waited)).entries()) {
    const id = waited[index]!;
    if (!job) await tellDependents(parts, { id, type: (await bull.typeOf(id)) ?? "", status: "failed" });
    else if (isFinished(job.status)) await tellDependents(parts, job);
  }
}

function next(upkeep: Upkeep, at: number): void {
  upkeep.idle = false;
  upkeep.nextAt = Math.min(upkeep.nextAt ?? Number.POSITIVE_INFINITY, at);
}

/** False when somebody else was at the job first. */
async function unlessRefused(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    if (isRefusal(error)) return false;
    if (isAspenError(error) && (error.code === "JOB_NOT_FOUND" || error.code === "JOB_STATE")) return false;
    throw error;
  }
}
