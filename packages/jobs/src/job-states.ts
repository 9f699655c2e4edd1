/**
 * - `pending`: may be claimed, or waits for the jobs it depends on.
 * - `scheduled`: its delay is not over.
 * - `running`: a worker has a lease on it.
 * - `retrying`: failed, and is tried again when its back-off is over.
 * - `failed`: failed for good: permanently, with its only attempt, or as a job that it depends on failed.
 * - `dead_letter`: every one of several attempts failed, or its workers stalled too often.
 */
export const JOB_STATUSES = [
  "pending",
  "scheduled",
  "running",
  "retrying",
  "completed",
  "failed",
  "cancelled",
  "dead_letter",
] as const;

export type JobStatus = (typeof JOB_STATUSES)[number];

/** Every transition there is. Whatever changes a job's status asks {@link canBecome} first. */
export const JOB_TRANSITIONS: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  // `failed`: a job that it depends on did not complete.
  pending: ["running", "scheduled", "failed", "cancelled"],
  scheduled: ["pending", "cancelled"],
  // `pending`: its lease ran out, or its worker gave it back.
  running: ["completed", "retrying", "failed", "dead_letter", "cancelled", "pending"],
  retrying: ["pending", "cancelled"],
  completed: [],
  // By hand.
  failed: ["pending"],
  cancelled: ["pending"],
  dead_letter: ["pending"],
};

export function canBecome(from: JobStatus, to: JobStatus): boolean {
  return JOB_TRANSITIONS[from].includes(to);
}

/** True for a job that does nothing more by itself. */
export function isFinished(status: JobStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled" || status === "dead_letter";
}
