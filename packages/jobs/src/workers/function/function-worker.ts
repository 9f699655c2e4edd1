import type { StandardSchema } from "@aspen/rpc-core";
import { jobsErrors } from "../../errors.js";
import type { RunnableJob } from "../../job.js";
import type { JobContext, Worker } from "../../worker.js";
import type { FunctionJob } from "./define-job.js";

/**
 * Runs functions in this process. A function that does not heed its signal cannot be ended: what can run wild, or keep a
 * processor busy, belongs into a `ThreadWorker`.
 */
export class FunctionWorker implements Worker {
  readonly blocksEventLoop = true;
  readonly #jobs = new Map<string, FunctionJob>();

  /** @throws AspenError `INVALID_PARAMS` when two have one type */
  constructor(jobs: readonly FunctionJob[]) {
    for (const job of jobs) {
      if (this.#jobs.has(job.type)) throw jobsErrors.duplicateType(job.type);
      this.#jobs.set(job.type, job);
    }
  }

  jobTypes(): readonly string[] {
    return [...this.#jobs.keys()];
  }

  payloadSchema(type: string): StandardSchema | undefined {
    return this.#jobs.get(type)?.payload;
  }

  async execute(job: RunnableJob, context: JobContext): Promise<unknown> {
    return this.#jobs.get(job.type)!.run(job, context);
  }
}
