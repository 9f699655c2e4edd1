import type { JobEnd } from "../../ends/job-end.js";
import type { JobStatus } from "../../job-states.js";
import type { JobRecord } from "./record.js";

/** Milliseconds of waiting that one step of priority is worth. */
const PRIORITY_STEP_MS = 60_000;
const DIGITS = 15;
const ID_CHARACTERS = 36;

/**
 * The keys of a queue, all in one namespace:
 *
 * - `job:{id}` the record.
 * - `at:{status}:…-{id}` where a job is: one key for each job, which sorts by what is looked for in that status.
 * - `group:{type}:{group}` a group that may have jobs to claim.
 * - `child:{id}:{child}` a job that waits for another; `over:{id}` one that is over, and has children to be told.
 * - `end:{id}:{time}` the end of a job that somebody is to be told of.
 * - `log:{id}:{number}` lines that a job wrote.
 * - `same:{type}:{hash}` the job of an idempotency key.
 * - `type:{type}` a type that was registered; `rate:{type}` its starts in the window of its rate limit.
 * - `worker:{name}` who takes jobs, and tells it again before the entry expires.
 * - `schedules/…` the timers of schedules; `schedule-run:{name}` what the ticks of one did last.
 * - `__events:…` the outbox.
 */
export class JobKeys {
  /** @param namespace such as `__jobs:` */
  constructor(readonly namespace: string) {}

  job = (id: string): string => `${this.namespace}job:${id}`;
  at = (status: JobStatus): string => `${this.namespace}at:${status}:`;
  pending = (type: string): string => `${this.at("pending")}${type}:`;
  pendingIn = (type: string, group: string): string => `${this.pending(type)}${encodeURIComponent(group)}:`;
  groups = (type: string): string => `${this.namespace}group:${type}:`;
  group = (type: string, group: string): string => this.groups(type) + encodeURIComponent(group);
  children = (id: string): string => `${this.namespace}child:${id}:`;
  child = (id: string, child: string): string => this.children(id) + child;
  over = (id: string): string => `${this.overs}${id}`;
  endsOf = (id: string): string => `${this.ends}${id}:`;
  end = ({ id, finishedAt }: Pick<JobEnd, "id" | "finishedAt">): string => this.endsOf(id) + time(finishedAt);
  log = (id: string): string => `${this.namespace}log:${id}:`;
  logChunk = (id: string, number: number): string => this.log(id) + String(number).padStart(8, "0");
  same = (type: string, hash: string): string => `${this.namespace}same:${type}:${hash}`;
  type = (type: string): string => this.types + type;
  rate = (type: string): string => `${this.namespace}rate:${type}`;

  get overs(): string {
    return `${this.namespace}over:`;
  }

  get ends(): string {
    return `${this.namespace}end:`;
  }

  worker = (name: string): string => this.workers + encodeURIComponent(name);

  get workers(): string {
    return `${this.namespace}worker:`;
  }

  get types(): string {
    return `${this.namespace}type:`;
  }

  get events(): string {
    return `${this.namespace}__events:`;
  }

  /** The one key that says where a job is. */
  place(record: JobRecord): string {
    return `${this.#line(record)}-${record.id}`;
  }

  #line(record: JobRecord): string {
    const { status, type, group } = record;
    switch (status) {
      case "pending":
        // No type has a leading `*`.
        if (record.waitingFor.length > 0) return `${this.at(status)}*:${time(record.submittedAt)}`;
        return this.pendingIn(type, group) + time(rankOf(record));
      case "scheduled":
      case "retrying":
        return this.at(status) + time(record.readyAt);
      case "running":
        return this.at(status) + time(record.leaseUntil);
      default:
        return this.at(status) + time(record.keepUntil);
    }
  }
}

/** The id at the end of a key of {@link JobKeys.place}. */
export function idAt(key: string): string {
  return key.slice(-ID_CHARACTERS);
}

/** The time by which a key of `at:{status}:` sorts, for the statuses that have one. */
export function timeAt(key: string): number {
  return Number(key.slice(-ID_CHARACTERS - 1 - DIGITS, -ID_CHARACTERS - 1));
}

/**
 * What is claimed first: the longest waiting, where a step of priority counts as a minute more. As all wait at the same
 * pace, the order of two jobs never changes, and a job of low priority is overtaken for a bounded time only.
 */
function rankOf({ readyAt, priority }: JobRecord): number {
  return readyAt - priority * PRIORITY_STEP_MS;
}

function time(ms: number): string {
  return String(Math.max(0, Math.floor(ms))).padStart(DIGITS, "0");
}
