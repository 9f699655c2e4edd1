import type { JobFailure } from "../job.js";
import type { JobStatus } from "../job-states.js";
import type { JobAudience } from "./job-audience.js";

/** The end of a job that somebody is to be told of. */
export interface JobEnd {
  readonly id: string;
  readonly type: string;
  readonly status: Extract<JobStatus, "completed" | "failed" | "cancelled" | "dead_letter">;
  readonly audience: JobAudience;
  /** How often it was started. */
  readonly attempts: number;
  /** Milliseconds since the Unix epoch; another for a job that is started anew and ends again. */
  readonly finishedAt: number;
  readonly error?: JobFailure;
}
