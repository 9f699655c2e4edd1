import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "@aspen/plugin-api";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import type { BlobStore } from "@aspen/storage";
import { failureOf, jobsErrors, PermanentFailure } from "../errors.js";
import type { JobFailure, JobProgress } from "../job.js";
import { checkPayload } from "../payload-check.js";
import type { ClaimedJob } from "../queue/contract.js";
import type { JobContext, Worker } from "../worker.js";
import type { JobCallers } from "./job-callers.js";
import { JobLog } from "./job-log.js";

/** How a run ended. `dropped`: it is not ours any more; `released`: it goes back to the queue. */
export type Outcome =
  | { readonly kind: "completed"; readonly result: unknown }
  | { readonly kind: "failed"; readonly failure: JobFailure }
  | { readonly kind: "dropped" }
  | { readonly kind: "released" };

/** Why a run is stopped. */
export type Stop = "cancelled" | "timeout" | "dropped" | "released";

export interface RunningJobParts {
  readonly job: ClaimedJob;
  readonly worker: Worker;
  readonly blobs: BlobStore;
  readonly callers: JobCallers;
  readonly logger: Logger;
  /** Milliseconds that a job has to end after its signal was aborted. */
  readonly graceMs: number;
}

/** Milliseconds after which a worker that was told to end a job by force counts as unable to. */
const KILL_MS = 10_000;

/** One run of one job by its worker: its time limit, its stop, what it tells. */
export class RunningJob {
  readonly job: ClaimedJob;
  readonly log = new JobLog();
  /** When it was known last that the job is ours, by `performance.now()`. */
  heldAt = performance.now();
  readonly #parts: RunningJobParts;
  readonly #stopping = new AbortController();
  #stop: Stop | null = null;
  #progress: JobProgress | null = null;
  #giveUp: () => void = () => undefined;
  #work: Promise<unknown> | null = null;
  /** Ends the work by force. */
  #grace: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(parts: RunningJobParts) {
    this.job = parts.job;
    this.#parts = parts;
  }

  /**
   * Runs the job. Resolves when it has ended, or when it was stopped, its grace is over, and there is no way to end it.
   * `onEnd` is called when nothing of it runs any more.
   */
  async run(onEnd: () => void): Promise<Outcome> {
    const { job } = this.#parts;
    const stopped = new Promise<void>((resolve) => {
      this.#giveUp = resolve;
    });
    const timer = setTimeout(() => this.stop("timeout", jobsErrors.timeout(job.timeoutMs)), job.timeoutMs);
    const work = this.#execute().finally(() => {
      this.#ended = true;
      clearTimeout(this.#grace);
      onEnd();
    });
    this.#work = work;
    try {
      return this.#ending(await Promise.race([work, stopped.then(() => null)]));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks the work to end, and ends it by force when it does not. The first reason counts. */
  stop(why: Stop, reason: Error): void {
    if (this.#stop !== null) {
      // Whoever lost the job may not settle it any more, whatever was the matter before.
      if (why === "dropped") this.#stop = why;
      return;
    }
    this.#stop = why;
    this.#stopping.abort(reason);
    if (!this.#ended) this.#grace = setTimeout(() => void this.#endByForce(), this.#parts.graceMs);
  }

  /** What it told since the last time, and was not written. */
  news(): { progress?: JobProgress; log?: ReturnType<JobLog["take"]> } {
    const log = this.log.take();
    const progress = this.#progress;
    this.#progress = null;
    return { ...(progress ? { progress } : {}), ...(log.length > 0 ? { log } : {}) };
  }

  async #execute(): Promise<Outcome> {
    const { job, worker, blobs, callers } = this.#parts;
    try {
      const payload = await this.#validPayload();
      const { id, type, group, attempts, maxAttempts, timeoutMs } = job;
      const stopping = this.#stopping;
      const context: JobContext = {
        // Made when it is asked for, since many jobs never do.
        get signal() {
          return stopping.signal;
        },
        log: this.log,
        blobs,
        caller: () => callers.now(job.caller ?? LOCAL_CALLER),
        progress: (progress) => this.#tell(progress),
      };
      const result = await worker.execute({ id, type, payload, group, attempts, maxAttempts, timeoutMs }, context);
      return { kind: "completed", result };
    } catch (error) {
      return { kind: "failed", failure: failureOf(error) };
    }
  }

  async #validPayload(): Promise<unknown> {
    const { job, worker } = this.#parts;
    const schema = worker.payloadSchema?.(job.type);
    if (!schema) return job.payload;
    const { problem, value } = await checkPayload(schema, job.payload);
    if (problem !== null) throw new PermanentFailure(`the payload ${problem}`, "INVALID_PARAMS");
    return value;
  }

  #tell(progress: JobProgress | number): void {
    const { percent, message } = typeof progress === "number" ? { percent: progress, message: undefined } : progress;
    const bounded = Math.min(100, Math.max(0, Number(percent) || 0));
    this.#progress = { percent: bounded, ...(message === undefined ? {} : { message: String(message) }) };
  }

  /** `outcome` null: the work goes on, as nothing could end it. */
  #ending(outcome: Outcome | null): Outcome {
    switch (this.#stop) {
      case "cancelled":
      case "timeout":
        return { kind: "failed", failure: failureOf(this.#stopping.signal.reason) };
      case "released":
        // What goes on may not be given to another: its lease ends with this process.
        if (!outcome) return { kind: "dropped" };
        return outcome.kind === "completed" ? outcome : { kind: "released" };
      default:
        return outcome && this.#stop === null ? outcome : { kind: "dropped" };
    }
  }

  async #endByForce(): Promise<void> {
    if (this.#ended) return;
    const { worker, job, logger } = this.#parts;
    try {
      // Resolves when nothing runs any more; that the promise of the work settles then takes a moment.
      if (worker.kill)
        await Promise.race([worker.kill(job.id).then(() => this.#work), delay(KILL_MS, undefined, { ref: false })]);
    } catch (error) {
      logger.error({ job: job.id, type: job.type, error }, "a job could not be ended by force");
    }
    if (this.#ended) return;
    logger.warn({ job: job.id, type: job.type }, "a job goes on although it was stopped; its slot stays taken");
    this.#giveUp();
  }
}
