import { jobsErrors } from "../../errors.js";
import { JOB_STATUSES, type JobStatus } from "../../job-states.js";
import { assertJobType, whole } from "../../options.js";
import type { JobStats, ListJobsOptions } from "../contract.js";
import type { BullMqConnection } from "./connection.js";
import { type BullJob, readJobs } from "./job-record.js";

/** Jobs that one call looks at. */
const LOOKS = 5000;
const STEP = 200;
/** Jobs of a state of BullMQ that are looked at one by one to count them. */
const COUNTED_TO = 1000;

/** Where BullMQ keeps the jobs of a status. */
const PLACES: Readonly<Record<JobStatus, readonly string[]>> = {
  pending: ["wait", "paused", "prioritized", "waiting-children"],
  scheduled: ["delayed"],
  running: ["active"],
  retrying: ["delayed"],
  completed: ["completed"],
  failed: ["failed"],
  cancelled: ["failed"],
  dead_letter: ["failed"],
};
/** Milliseconds that a job is given to follow its place in the index. */
const GONE_MS = 60_000;

const LISTS: readonly string[] = ["wait", "paused", "active"];

/** A page of ids, and where the next begins; null: there are no more. */
interface Ids {
  readonly ids: readonly string[];
  readonly next: string | null;
  /** Of the index. */
  readonly members?: readonly string[];
}

/** @throws AspenError `INVALID_PARAMS` */
export async function list(
  bull: BullMqConnection,
  { status, type, group, submitter, limit = 100, after }: ListJobsOptions,
): Promise<{ jobs: BullJob[]; cursor: string | null }> {
  whole("limit", limit, 1, 1000);
  if (type !== undefined) assertJobType(type);
  if (status !== undefined && !JOB_STATUSES.includes(status)) {
    throw jobsErrors.invalid("status", `must be one of ${JOB_STATUSES.join(", ")}`);
  }
  const page = status === undefined ? newestFirst(bull) : await ofStatus(bull, status, type);
  const jobs: BullJob[] = [];
  let cursor: string | null = after ?? null;
  for (let looks = 0; looks < LOOKS; looks += STEP) {
    // No more than are missing, so that the cursor stands behind the last one that is shown.
    const { ids, next, members } = await page(cursor, Math.min(STEP, limit - jobs.length));
    const found = await readJobs(bull, ids);
    if (members)
      await forgetGone(
        bull,
        members.filter((_, index) => !found[index]),
      );
    for (const job of found) {
      if (!job || (status !== undefined && job.status !== status)) continue;
      if (type !== undefined && job.type !== type) continue;
      if (group !== undefined && job.meta.group !== group) continue;
      if (submitter === undefined || job.meta.submitter === submitter) jobs.push(job);
    }
    cursor = next;
    if (cursor === null || jobs.length >= limit) break;
  }
  return { jobs, cursor };
}

/** All jobs, by the time of their submit. */
function newestFirst(bull: BullMqConnection) {
  return async (cursor: string | null, size: number): Promise<Ids> => {
    if (cursor !== null && !/^[0-9a-f]{12}:[^:]{1,256}$/.test(cursor)) throw badCursor();
    const from = cursor === null ? "+" : `(${cursor}`;
    const members = (await bull.call("ZREVRANGEBYLEX", bull.names.index, from, "-", "LIMIT", 0, size)) as string[];
    const ids = members.map((member) => bull.names.idIn(member));
    return { ids, members, next: members.length < size ? null : members.at(-1)! };
  };
}

/** Places of jobs that another tool of BullMQ removed. One that is being added is not there yet. */
async function forgetGone(bull: BullMqConnection, members: readonly string[]): Promise<void> {
  const gone = members.filter((member) => Number.parseInt(member, 16) < Date.now() - GONE_MS);
  if (gone.length === 0) return;
  const batch = await bull.batch();
  batch.call("ZREM", bull.names.index, ...gone);
  batch.call("HDEL", bull.names.where, ...gone.map((member) => bull.names.idIn(member)));
  await batch.exec();
}

/** The places of a status one after the other, type by type. The cursor is place, score and id, or place and number. */
async function ofStatus(bull: BullMqConnection, status: JobStatus, type: string | undefined) {
  const types = type === undefined ? await bull.queues() : [type];
  const places = types.flatMap((of) => PLACES[status].map((state) => ({ key: bull.names.of(of, state), state, of })));
  return async (cursor: string | null, size: number): Promise<Ids> => {
    const [of, state, position = "", id = ""] = cursor === null ? [] : cursor.split(":");
    const at = cursor === null ? 0 : places.findIndex((place) => place.of === of && place.state === state);
    if (cursor !== null && (at < 0 || !Number.isFinite(Number(position || "0")))) throw badCursor();
    const place = places[at];
    if (!place) return { ids: [], next: null };
    const read = LISTS.includes(place.state) ? ofList : ofSet;
    const { ids, next } = await read(bull, place.key, position, id, size);
    if (next !== null) return { ids, next: `${place.of}:${place.state}:${next}` };
    const following = places[at + 1];
    return { ids, next: following ? `${following.of}:${following.state}:` : null };
  };
}

/** The next to be claimed is the last of a list of BullMQ. */
async function ofList(bull: BullMqConnection, key: string, position: string, _: string, size: number): Promise<Ids> {
  const skip = Number(position || "0");
  const ids = ((await bull.call("LRANGE", key, -skip - size, -skip - 1)) as string[]).reverse();
  return { ids, next: ids.length < size ? null : `${skip + size}:` };
}

/** After a job by its score and its id, wherever it is now. */
async function ofSet(bull: BullMqConnection, key: string, score: string, last: string, size: number): Promise<Ids> {
  const from = score === "" ? "-inf" : score;
  for (let skip = 0; ; skip += size) {
    const found = await bull.byScore(key, from, "+inf", skip, size);
    const fresh = found.filter((it) => it.score !== score || it.id > last);
    const end = found.at(-1);
    // Those of one score are in the order of their ids; a page of such as were shown has the next behind it.
    if (fresh.length === 0 && found.length === size) continue;
    return { ids: fresh.map(({ id }) => id), next: found.length < size || !end ? null : `${end.score}:${end.id}` };
  }
}

function badCursor() {
  return jobsErrors.invalid("after", "must be the cursor of a page");
}

export async function stats(bull: BullMqConnection, registered: readonly string[]): Promise<JobStats> {
  const byStatus: Record<JobStatus, number> = Object.fromEntries(JOB_STATUSES.map((it) => [it, 0])) as never;
  const byType: Record<string, { waiting: number; running: number }> = {};
  for (const type of new Set([...registered, ...(await bull.queues())])) {
    const counts = (await bull.script("counts", type, COUNTED_TO)) as number[];
    const [waiting, forOthers, running, completed, scheduled, retrying, failed, cancelled, dead] = counts as [
      ...[number, number, number, number, number, number, number, number, number],
    ];
    const of = { completed, scheduled, retrying, failed, cancelled, running, pending: waiting + forOthers };
    for (const [status, count] of Object.entries({ ...of, dead_letter: dead })) byStatus[status as JobStatus] += count;
    if (registered.includes(type)) byType[type] = { waiting, running };
  }
  return { byStatus, byType, countedTo: COUNTED_TO };
}
