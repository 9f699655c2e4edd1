import { setTimeout as delay } from "node:timers/promises";
import { isAspenError, type Logger } from "@aspen/plugin-api";
import { failureOf } from "../errors.js";
import type { JobStatus } from "../job-states.js";
import type { ClaimedJob, JobQueue } from "../queue/contract.js";
import type { Outcome } from "./running-job.js";

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5000;

/** `lost`: somebody else has the job. */
export type Settled = JobStatus | "lost" | "released";

/** Tells the queue how a run ended, until the queue has heard it. @throws AspenError what is not the store's absence */
export async function settleRun(
  queue: JobQueue,
  job: ClaimedJob,
  outcome: Outcome,
  { logger, signal }: { logger: Logger; signal: AbortSignal },
): Promise<Settled> {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      return await settle(queue, job, outcome);
    } catch (error) {
      if (!isAspenError(error)) throw error;
      if (error.code === "LEASE_LOST") return "lost";
      // A result that cannot be kept will not be better the next time.
      if (outcome.kind === "completed" && (error.code === "PAYLOAD_TOO_LARGE" || error.code === "INVALID_PARAMS")) {
        return settleRun(
          queue,
          job,
          { kind: "failed", failure: { ...failureOf(error), permanent: true } },
          { logger, signal },
        );
      }
      if (!isPassing(error.code) || signal.aborted) throw error;
      logger.warn({ job: job.id, error }, "the end of a job could not be written; it is tried again");
      await delay(wait, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
}

async function settle(queue: JobQueue, job: ClaimedJob, outcome: Outcome): Promise<Settled> {
  switch (outcome.kind) {
    case "completed":
      await queue.complete(job, outcome.result);
      return "completed";
    case "failed":
      return queue.fail(job, outcome.failure);
    case "released":
      await queue.release(job);
      return "released";
    case "dropped":
      return "lost";
  }
}

function isPassing(code: string): boolean {
  return code === "STORE_UNAVAILABLE" || code === "OUTCOME_UNKNOWN" || code === "KV_CONFLICT";
}
