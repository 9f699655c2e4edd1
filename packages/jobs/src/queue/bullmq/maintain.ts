import { isAspenError } from "@aspen/plugin-api";
import { failureOf, jobsErrors } from "../../errors.js";
import { isFinished } from "../../job-states.js";
import type { Maintained, MaintainOptions } from "../contract.js";
import type { BullMqClaimer } from "./claim.js";
import { isRefusal } from "./connection.js";
import { remove } from "./control.js";
import { tellDependents } from "./dependents.js";
import { type BullJob, readJobs } from "./job-record.js";
import type { BullMqParts } from "./parts.js";

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
  const lookAfter = async (type: string) => {
    await promote(parts, type, upkeep);
    await stalls(parts, type, upkeep, kept);
    await expire(parts, type, upkeep, signal);
  };
  await Promise.all((await parts.bull.queues()).map(lookAfter));
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
  const [first] = await bull.byScore(key, "-inf", "+inf", 0, 1);
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
      signals.ended(id);
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
  const { bull, retention, checked } = parts;
  const { completed, failed, dead_letter: dead } = retention;
  const key = (state: string) => bull.names.of(type, state);
  const [kept, unkept] = (await Promise.all([
    bull.call("ZCARD", key("completed")),
    bull.call("ZCARD", key("failed")),
  ])) as [number, number];
  if (kept + unkept > 0) upkeep.idle = false;
  const now = Date.now();
  const due = ({ status, finishedAt = now }: BullJob) => {
    const keptMs = status === "completed" ? completed : status === "dead_letter" ? dead : failed;
    return isFinished(status) && finishedAt + keptMs <= now;
  };
  await removeWhile(parts, key("completed"), "-inf", now - completed, due, upkeep, signal);
  // All that failed, of whatever kind; then those that are kept for a shorter time, among others that are looked at once.
  const [longer, shorter] = [Math.max(failed, dead), Math.min(failed, dead)];
  await removeWhile(parts, key("failed"), "-inf", now - longer, due, upkeep, signal);
  const from = checked.get(type);
  const last = await removeWhile(parts, key("failed"), from ?? "-inf", now - shorter, due, upkeep, signal);
  if (last !== null) checked.set(type, last);
}

/** Gives the score up to which all were looked at; null: there were none. */
async function removeWhile(
  parts: BullMqParts,
  key: string,
  from: string,
  to: number,
  due: (job: BullJob) => boolean,
  upkeep: Upkeep,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  let last: string | null = null;
  let skip = 0;
  for (let page = 0; page < PAGES && !signal?.aborted; page++) {
    const found = await parts.bull.byScore(key, from, String(to), skip, BATCH);
    for (const job of await readJobs(
      parts.bull,
      found.map(({ id }) => id),
    )) {
      if (job && due(job) && (await unlessRefused(() => remove(parts, job.id)))) upkeep.removed += 1;
      else skip += 1;
    }
    last = found.at(-1)?.score ?? last;
    if (found.length < BATCH) break;
  }
  return last;
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
