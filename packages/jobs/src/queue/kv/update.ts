import { cut, encodeUtf8, isAspenError } from "@aspen/plugin-api";
import { jobsErrors } from "../../errors.js";
import type { JobLogLine, JobProgress } from "../../job.js";
import { JOB_LIMITS, whole } from "../../options.js";
import type { JobUpdate, UpdateAnswer } from "../contract.js";
import type { Change, JobTable } from "./job-table.js";
import type { JobRecord, VersionedRecord } from "./record.js";

export interface Updated {
  readonly answer: UpdateAnswer;
  readonly after: VersionedRecord | null;
}

/** @throws AspenError `INVALID_PARAMS`, or what the store throws */
export async function update(table: JobTable, asked: JobUpdate, known?: VersionedRecord): Promise<Updated> {
  whole("leaseMs", asked.leaseMs, JOB_LIMITS.leaseMinMs, JOB_LIMITS.leaseMaxMs);
  const progress = asked.progress && normalProgress(asked.progress);
  let held = true;
  try {
    const after = await table.change(
      asked.id,
      (record) => {
        held = record.status === "running" && record.token === asked.token;
        return held ? changeOf(table, record, { ...asked, ...(progress ? { progress } : {}) }) : null;
      },
      known,
    );
    if (!held) return { answer: "lost", after: null };
    return { answer: after?.record.cancel ? "cancelled" : "held", after };
  } catch (error) {
    if (isAspenError(error) && error.code === "JOB_NOT_FOUND") return { answer: "lost", after: null };
    throw error;
  }
}

function changeOf({ keys, clock }: JobTable, record: JobRecord, { leaseMs, progress, log = [] }: JobUpdate): Change {
  const { lines, full } = bounded(log, record.logBytes, clock.now());
  const chunk = encodeUtf8(JSON.stringify(lines));
  const leaseUntil = Math.max(record.leaseUntil, clock.now() + leaseMs);
  // A job whose log is full logs nothing more, also when what was left out is longer than what comes.
  const logBytes = full ? JOB_LIMITS.logBytes : record.logBytes + (lines.length > 0 ? chunk.length : 0);
  return {
    next: {
      ...record,
      leaseUntil,
      logBytes,
      logChunks: record.logChunks + (lines.length > 0 ? 1 : 0),
      ...(progress ? { progress } : {}),
    },
    ops: lines.length > 0 ? [{ type: "put", key: keys.logChunk(record.id, record.logChunks), value: chunk }] : [],
  };
}

/** As many lines as the job may still log; the last one says that there were more. */
export function bounded(
  log: readonly JobLogLine[],
  before: number,
  now: number,
): { lines: JobLogLine[]; full: boolean } {
  if (before >= JOB_LIMITS.logBytes) return { lines: [], full: true };
  const kept: JobLogLine[] = [];
  let bytes = before;
  for (const { at, level, message, fields } of log) {
    const line = { at, level, message: cut(message, JOB_LIMITS.logLineBytes), ...(fields ? { fields } : {}) };
    const size = encodeUtf8(JSON.stringify(line)).length;
    const fitting = size > 2 * JOB_LIMITS.logLineBytes ? { at, level, message: line.message } : line;
    bytes += Math.min(size, 2 * JOB_LIMITS.logLineBytes);
    if (bytes > JOB_LIMITS.logBytes) {
      const message = `the job's log ends here: it reached ${JOB_LIMITS.logBytes} bytes`;
      return { lines: [...kept, { at: now, level: "warn", message }], full: true };
    }
    kept.push(fitting);
  }
  return { lines: kept, full: false };
}

export function normalProgress({ percent, message }: JobProgress): JobProgress {
  if (!(percent >= 0 && percent <= 100)) throw jobsErrors.invalid("progress.percent", "must be a number from 0 to 100");
  return { percent, ...(message === undefined ? {} : { message: cut(message, JOB_LIMITS.progressCharacters) }) };
}
