import { every, type Logger, type Loop } from "@aspen/plugin-api";
import { jobsErrors } from "../errors.js";
import type { JobQueue, JobUpdate } from "../queue/contract.js";
import type { RunningJob } from "./running-job.js";

/** Milliseconds between two writes of what jobs tell. */
const NEWS_MS = 500;
/** The part of a lease after which a job whose lease cannot be renewed is stopped; the rest allows for clocks that differ. */
const SAFE_PART = 0.9;

export interface LeaseKeeperParts {
  readonly queue: JobQueue;
  readonly running: () => Iterable<RunningJob>;
  readonly logger: Logger;
  readonly leaseMs: number;
  /** No other process can take a job from this one. */
  readonly soleProcess: boolean;
  /** When somebody else last renewed all leases, by `performance.now()`. */
  readonly renewedAt: () => number;
}

/** Renews the leases of running jobs, writes what they tell, and stops those that are cancelled or no longer ours. */
export class LeaseKeeper implements AsyncDisposable {
  readonly #parts: LeaseKeeperParts;
  readonly #loop: Loop;

  constructor(parts: LeaseKeeperParts) {
    this.#parts = parts;
    const { leaseMs, logger } = parts;
    this.#loop = every(Math.min(NEWS_MS, leaseMs / 3), () => this.beat(), {
      onError: (error) => logger.warn({ error }, "the leases of jobs could not be renewed"),
    });
  }

  /** @throws AspenError what the queue throws */
  async beat(only?: RunningJob): Promise<void> {
    const due = [...(only ? [only] : this.#parts.running())].flatMap((running) => this.#updateOf(running, only) ?? []);
    if (due.length === 0) return;
    const sentAt = performance.now();
    try {
      const answers = await this.#parts.queue.update(due.map(({ update }) => update));
      for (const [index, { running }] of due.entries()) {
        if (answers[index] === "lost") this.#drop(running);
        else running.heldAt = sentAt;
        if (answers[index] === "cancelled") running.stop("cancelled", jobsErrors.cancelled(undefined));
      }
    } catch (error) {
      for (const { running, update } of due) {
        running.log.putBack(update.log ?? []);
        this.#stopIfOver(running);
      }
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop[Symbol.asyncDispose]();
  }

  #updateOf(running: RunningJob, only?: RunningJob): { running: RunningJob; update: JobUpdate } | null {
    const { leaseMs } = this.#parts;
    const news = running.news();
    const renewalDue = performance.now() - running.heldAt >= leaseMs / 3;
    if (!renewalDue && !news.progress && !news.log) return null;
    if (only && !news.progress && !news.log) return null;
    const { id, token } = running.job;
    return { running, update: { id, token, leaseMs, ...news } };
  }

  #stopIfOver(running: RunningJob): void {
    const { leaseMs, soleProcess, renewedAt } = this.#parts;
    const over = performance.now() - Math.max(running.heldAt, renewedAt()) > leaseMs * SAFE_PART;
    if (over && !soleProcess) this.#drop(running);
  }

  #drop(running: RunningJob): void {
    running.stop("dropped", jobsErrors.leaseLost(running.job.id));
  }
}
