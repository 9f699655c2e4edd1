import { ANONYMOUS_CALLER, type Caller } from "@aspen/rpc-core";
import { DEFAULT_BACKOFF } from "../../backoff.js";
import type { JobAudience } from "../../ends/job-audience.js";
import type { JobFailure, JobLogLine, JobOrigin, JobProgress } from "../../job.js";
import type { JobStatus } from "../../job-states.js";
import type { NormalRequest } from "../../options.js";
import type { StoredValue } from "../kv/record.js";
import type { BullMqConnection } from "./connection.js";

/** What BullMQ has no option for: text among the options of a job, which BullMQ keeps as they are. */
export interface JobMeta extends Pick<NormalRequest, "group" | "timeoutMs" | "maxStalls" | "backoff"> {
  readonly priority: number;
  readonly onDependencyFailure: "fail" | "ignore";
  readonly idempotencyKey?: string;
  readonly submitter?: string;
  readonly caller?: Caller;
  readonly tell?: JobAudience;
  readonly schedule?: JobOrigin;
  /** Hash of the payload, when it is too large for the job. */
  readonly blob?: string;
}

/** What BullMQ's `failedReason` holds, as JSON; `status` comes first, and is left out while the job goes on. */
export type EndReason = JobFailure & { readonly status?: "failed" | "cancelled" | "dead_letter" };

/** A job of BullMQ as it was read, with its place. Times are milliseconds since the Unix epoch. */
export interface BullJob {
  readonly id: string;
  readonly type: string;
  readonly status: JobStatus;
  readonly meta: JobMeta;
  readonly payload: StoredValue;
  readonly result: StoredValue | undefined;
  readonly submittedAt: number;
  readonly readyAt: number;
  /** Starts ever, of which those that `attempts` does not count. */
  readonly starts: number;
  readonly uncounted: number;
  readonly failures: number;
  readonly maxAttempts: number;
  readonly waitingFor: readonly string[];
  readonly cancel: boolean;
  readonly logBytes: number;
  readonly progress: JobProgress | null;
  readonly error: JobFailure | undefined;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly worker: string | undefined;
}

type Fields = Readonly<Record<string, string | undefined>>;

/** BullMQ's scores of delayed jobs are times with 12 bits more. */
const DELAYED_SCORE = 0x1000;

/** Of a job that another producer of BullMQ added, of whom nothing is known. */
export const NO_META: JobMeta = {
  ...{ group: "", timeoutMs: 300_000, maxStalls: 1, backoff: DEFAULT_BACKOFF, priority: 0 },
  ...{ onDependencyFailure: "fail", caller: ANONYMOUS_CALLER },
};

/** Jobs by their ids, in that order; null for one that is not there. */
export async function readJobs(bull: BullMqConnection, ids: readonly string[]): Promise<(BullJob | null)[]> {
  if (ids.length === 0) return [];
  const found = (await bull.script("read", ...ids)) as ([string, string, string[], string, string[]] | null)[];
  return found.map((it, index) => {
    if (!it) return null;
    const [type, state, flat, score, waits] = it;
    return jobOf(ids[index]!, type, fieldsOf(flat), { state, score, waits: waits.map((key) => bull.names.idIn(key)) });
  });
}

export async function readJob(bull: BullMqConnection, id: string): Promise<BullJob | null> {
  return (await readJobs(bull, [id]))[0] ?? null;
}

function fieldsOf(flat: readonly string[]): Fields {
  const fields: Record<string, string> = {};
  for (let at = 0; at < flat.length; at += 2) fields[flat[at]!] = flat[at + 1]!;
  return fields;
}

function jobOf(
  id: string,
  type: string,
  fields: Fields,
  { state, score, waits }: { state: string; score: string; waits: readonly string[] },
): BullJob {
  const { meta, attempts, delay } = optionsOf(parsed<Record<string, unknown>>(fields.opts) ?? {});
  const failures = Number(fields.atm ?? 0);
  const reason = endReasonOf(fields.failedReason);
  const status = statusOf(state, failures, attempts, reason);
  const submittedAt = Number(fields.timestamp ?? 0);
  const starts = Number(fields.ats ?? 0);
  return {
    ...{ id, type, status, meta, submittedAt, starts, failures },
    payload: meta.blob === undefined ? { json: fields.data ?? "null" } : { blob: meta.blob },
    result: status === "completed" ? resultOf(fields, starts) : undefined,
    readyAt: score === "" ? submittedAt + delay : Math.floor(Number(score) / DELAYED_SCORE),
    uncounted: Number(fields.uncounted ?? 0),
    maxAttempts: attempts,
    waitingFor: waits,
    cancel: fields.cancel !== undefined,
    logBytes: Number(fields.logBytes ?? 0),
    progress: progressOf(fields.progress),
    error: status === "completed" || reason === undefined ? undefined : failureIn(reason),
    startedAt: fields.processedOn === undefined ? undefined : Number(fields.processedOn),
    finishedAt: fields.finishedOn === undefined ? undefined : Number(fields.finishedOn),
    worker: fields.pb,
  };
}

/** What a job was submitted with; a job that another producer of BullMQ added has the defaults. */
export function optionsOf(options: Readonly<Record<string, unknown>>): {
  meta: JobMeta;
  attempts: number;
  delay: number;
} {
  const { aspen, attempts, delay } = options;
  const meta = typeof aspen === "string" ? parsed<Partial<JobMeta> | null>(aspen) : undefined;
  return {
    meta: isMeta(meta) ? meta : NO_META,
    attempts: typeof attempts === "number" && attempts >= 1 ? attempts : 1,
    delay: typeof delay === "number" ? delay : 0,
  };
}

/** Another producer of BullMQ may give any options. */
function isMeta(meta: Partial<JobMeta> | null | undefined): meta is JobMeta {
  const { group, timeoutMs, maxStalls, backoff } = meta ?? {};
  const numbers = [timeoutMs, maxStalls].every((it) => Number.isSafeInteger(it) && it! >= 0);
  return typeof group === "string" && numbers && typeof backoff === "object" && backoff !== null;
}

/** The field of the result's blob, of the start that made it. */
export function resultField(starts: number): string {
  return `resultBlob:${starts}`;
}

function resultOf(fields: Fields, starts: number): StoredValue {
  const blob = fields[resultField(starts)];
  return blob === undefined ? { json: fields.returnvalue ?? "null" } : { blob };
}

function statusOf(state: string, failures: number, attempts: number, reason: EndReason | undefined): JobStatus {
  switch (state) {
    case "completed":
      return "completed";
    case "failed":
      return reason?.status ?? (attempts > 1 && failures >= attempts ? "dead_letter" : "failed");
    case "delayed":
      return failures > 0 ? "retrying" : "scheduled";
    case "active":
      return "running";
    default:
      return "pending";
  }
}

/** Text of another worker of BullMQ is a message. */
export function endReasonOf(text: string | undefined): EndReason | undefined {
  if (text === undefined) return undefined;
  const reason = parsed<EndReason>(text);
  if (typeof reason?.code === "string" && typeof reason.message === "string") return reason;
  return { code: "JOB_FAILED", message: text };
}

function failureIn({ status: _, ...failure }: EndReason): JobFailure {
  return failure;
}

/** Another worker of BullMQ may tell anything. */
function progressOf(text: string | undefined): JobProgress | null {
  const told = parsed<unknown>(text);
  if (typeof told === "number" && told >= 0 && told <= 100) return { percent: told };
  const { percent, message } = (told ?? {}) as { percent?: unknown; message?: unknown };
  if (typeof percent !== "number") return null;
  return { percent, ...(typeof message === "string" ? { message } : {}) };
}

/** A line that another worker of BullMQ wrote is a message without a time. */
export function logLineOf(text: string): JobLogLine {
  const line = parsed<JobLogLine>(text);
  if (typeof line?.at === "number" && typeof line.message === "string") return line;
  return { at: 0, level: "info", message: text };
}

function parsed<T>(text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}
