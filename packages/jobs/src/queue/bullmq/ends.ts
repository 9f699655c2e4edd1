import { given } from "@aspen/feature";
import type { JobEnd } from "../../ends/job-end.js";
import { isFinished } from "../../job-states.js";
import { type BullJob, readJob, readJobs } from "./job-record.js";
import type { BullMqParts } from "./parts.js";

/** Jobs that one call looks at, or a few more. */
const BATCH = 200;

/**
 * Jobs of whose ends somebody is to be told and was not: from the step that submits them on, in a hash by their ids, whose
 * value is the end of a job that was removed before.
 */
export class BullMqEnds {
  readonly #parts: Pick<BullMqParts, "bull">;
  /** Where the next call goes on. */
  #cursor = "0";

  constructor(parts: Pick<BullMqParts, "bull">) {
    this.#parts = parts;
  }

  async untold(id?: string): Promise<JobEnd[]> {
    const { bull } = this.#parts;
    const noted = id === undefined ? await this.#page() : [id, await bull.call("HGET", bull.names.untold, id)];
    const entries = pairs(noted as (string | null)[]).filter(([, end]) => end !== null);
    const jobs = await readJobs(
      bull,
      entries.map(([id]) => id),
    );
    const ends = await Promise.all(entries.map(([id, end], at) => this.#endOf(id, end!, jobs[at]!)));
    return ends.filter((end) => end !== null);
  }

  /** One that ended once more meanwhile has yet to be told. */
  async told({ id, finishedAt }: JobEnd): Promise<void> {
    const { bull } = this.#parts;
    const job = await readJob(bull, id);
    if (job && endOf(job)?.finishedAt !== finishedAt) return;
    await bull.call("HDEL", bull.names.untold, id);
  }

  async #page(): Promise<string[]> {
    const { bull } = this.#parts;
    const scanned = await bull.call("HSCAN", bull.names.untold, this.#cursor, "COUNT", BATCH);
    const [cursor, found] = scanned as [string, string[]];
    this.#cursor = cursor;
    return found;
  }

  async #endOf(id: string, noted: string, job: BullJob | null): Promise<JobEnd | null> {
    if (job) return endOf(job);
    if (noted !== "") return JSON.parse(noted) as JobEnd;
    // It was never added, or another tool of BullMQ removed it before it ended.
    const { bull } = this.#parts;
    await bull.call("HDEL", bull.names.untold, id);
    return null;
  }
}

/** Keeps the end of a job that is about to be removed, unless it was told. */
export async function keepEnd({ bull }: Pick<BullMqParts, "bull">, job: BullJob): Promise<void> {
  const end = endOf(job);
  if (!end || (await bull.call("HEXISTS", bull.names.untold, job.id)) === 0) return;
  await bull.call("HSET", bull.names.untold, job.id, JSON.stringify(end));
}

function endOf({ id, type, status, meta, starts, uncounted, finishedAt = 0, error }: BullJob): JobEnd | null {
  if (!meta.tell || !isFinished(status)) return null;
  const ended = status as JobEnd["status"];
  return {
    id,
    type,
    status: ended,
    audience: meta.tell,
    attempts: starts - uncounted,
    finishedAt,
    ...given({ error }),
  };
}

function pairs(flat: readonly (string | null)[]): [id: string, end: string | null][] {
  return flat.flatMap((id, at) => (at % 2 === 0 ? [[id!, flat[at + 1]!]] : []));
}
