import { jobsErrors } from "../../errors.js";
import { whole } from "../../options.js";
import type { JobEvent } from "../kv/events.js";
import type { BullMqConnection } from "./connection.js";
import { endReasonOf, readJobs } from "./job-record.js";

export interface JobEventsOptions {
  /** `cursor` of the page before. @default from the oldest that is kept */
  after?: string;
  /** Of each type, 1 to 10,000. @default 1000 */
  limit?: number;
}

export interface JobEventPage {
  /** Oldest first. */
  readonly events: readonly JobEvent[];
  readonly cursor: string;
}

type Entry = readonly [id: string, flat: readonly string[]];

/**
 * What BullMQ tells of a job, as the events that every engine has. Its `delayed` does not say why; who saw what was told
 * before knows.
 */
export class JobEventReader {
  readonly #bull: BullMqConnection;

  constructor(bull: BullMqConnection) {
    this.#bull = bull;
  }

  /** @throws AspenError `INVALID_PARAMS` */
  async page({ after, limit = 1000 }: JobEventsOptions): Promise<JobEventPage> {
    whole("limit", limit, 1, 10_000);
    const cursors = cursorsIn(after);
    const found: (JobEvent & { entry: string })[] = [];
    for (const type of await this.#bull.queues()) {
      const from = cursors[type];
      const key = this.#bull.names.of(type, "events");
      const start = from === undefined ? "-" : `(${from}`;
      const entries = (await this.#bull.call("XRANGE", key, start, "+", "COUNT", limit)) as Entry[];
      if (entries.length === 0) continue;
      cursors[type] = entries.at(-1)![0];
      found.push(...(await this.#eventsOf(type, entries)));
    }
    // Of one millisecond, those of a type are in their order already.
    found.sort((one, other) => one.at - other.at);
    return { events: found.map(({ entry: _, ...event }) => event), cursor: JSON.stringify(cursors) };
  }

  async #eventsOf(type: string, entries: readonly Entry[]) {
    const told = entries.map(([entry, flat]) => ({ entry, fields: fieldsOf(flat) }));
    const ids = [...new Set(told.map(({ fields }) => fields.jobId).filter((id) => id !== undefined))];
    const jobs = new Map((await readJobs(this.#bull, ids)).flatMap((job) => (job ? [[job.id, job]] : [])));
    const last = new Map<string, string>();
    return told.flatMap(({ entry, fields }) => {
      const { event = "", jobId: id } = fields;
      if (id === undefined) return [];
      const job = jobs.get(id);
      const before = last.get(id) ?? ((job?.failures ?? 0) > 0 ? "active" : "added");
      const what = statusTold(event, fields, before);
      if (what !== null || event === "added") last.set(id, event);
      if (what === null) return [];
      const at = Number(entry.split("-")[0]);
      return [{ kind: `job.${what}`, id, type, group: job?.meta.group ?? "", at, entry }];
    });
  }
}

/** What a job became by an event of BullMQ; null: it is what it was. */
function statusTold(event: string, fields: Readonly<Record<string, string>>, before: string): string | null {
  switch (event) {
    case "waiting":
      return fields.prev === "waiting-children" ? null : "pending";
    case "waiting-children":
      return "pending";
    case "delayed":
      return before === "active" ? "retrying" : "scheduled";
    case "active":
      return "running";
    case "failed":
      return endReasonOf(fields.failedReason)?.status ?? "failed";
    case "completed":
    case "removed":
      return event;
    default:
      return null;
  }
}

function fieldsOf(flat: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at < flat.length; at += 2) fields[flat[at]!] = flat[at + 1]!;
  return fields;
}

/** @throws AspenError `INVALID_PARAMS` */
function cursorsIn(after: string | undefined): Record<string, string> {
  if (after === undefined) return {};
  try {
    const cursors = JSON.parse(after) as Record<string, unknown>;
    if (Object.values(cursors).every((id) => typeof id === "string" && /^\d+-\d+$/.test(id))) {
      return cursors as Record<string, string>;
    }
  } catch {
    // As one of another form.
  }
  throw jobsErrors.invalid("after", "must be the cursor of a page");
}
