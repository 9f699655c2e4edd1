import { encodeUtf8 } from "@aspen/plugin-api";
import type { Op } from "@aspen/storage";
import type { JobFailure } from "../../job.js";
import { endOps } from "./ends.js";
import type { Change, JobTable } from "./job-table.js";
import type { JobRecord, StoredValue } from "./record.js";

/** Milliseconds for which finished jobs are kept. */
export interface Retention {
  readonly completed: number;
  /** Also of cancelled ones. */
  readonly failed: number;
  readonly dead_letter: number;
}

export type Ending =
  | { readonly status: "completed"; readonly result: StoredValue }
  | { readonly status: "failed" | "dead_letter" | "cancelled"; readonly error: JobFailure };

/** What ends a job, whatever it was before: those that wait for it are told by who finds its `over` key. */
export function finish({ keys, clock }: JobTable, record: JobRecord, ending: Ending, retention: Retention): Change {
  const { status, ...outcome } = ending;
  const now = clock.now();
  const keepMs = retention[status === "cancelled" ? "failed" : status];
  const next: JobRecord = {
    ...record,
    error: undefined,
    ...outcome,
    status,
    finishedAt: now,
    keepUntil: now + keepMs,
    leaseUntil: 0,
    waitingFor: [],
  };
  const over: Op[] = record.children > 0 ? [{ type: "put", key: keys.over(record.id), value: encodeUtf8("{}") }] : [];
  return { next, ops: [...over, ...endOps({ keys }, next)] };
}
