import { isAspenError } from "@aspen/plugin-api";
import type { RedisQueueBackend } from "bullmq";
import { backoffMs } from "../../backoff.js";
import { jobsErrors } from "../../errors.js";
import type { JobFailure } from "../../job.js";
import type { JobStatus } from "../../job-states.js";
import type { JobLease } from "../contract.js";
import type { BullMqClaimer, Claimed } from "./claim.js";
import { isRefusal } from "./connection.js";
import { tellDependents } from "./dependents.js";
import { type BullJob, type EndReason, readJob, resultField } from "./job-record.js";
import type { BullMqParts } from "./parts.js";
import { cancelledLock, Tokens } from "./tokens.js";

/** What BullMQ looks at of the job whose end it writes. */
const minimal = (id: string, attempts: number) =>
  ({ id, opts: { attempts } }) as Parameters<RedisQueueBackend["moveToCompletedArgs"]>[0];

/** Ends of the attempts that this process, or another by its token, has. */
export class BullMqSettler {
  readonly #parts: BullMqParts;
  readonly #claimer: BullMqClaimer;

  constructor(parts: BullMqParts, claimer: BullMqClaimer) {
    this.#parts = parts;
    this.#claimer = claimer;
  }

  /** @throws AspenError `LEASE_LOST`, or as `JobQueue.complete` */
  async complete(lease: JobLease, value: unknown): Promise<void> {
    const { bull, values } = this.#parts;
    const { id, token } = lease;
    const { type, maxAttempts } = await this.#attempt(lease);
    const starts = Tokens.startsIn(token);
    const name = `result:${starts}` as const;
    const result = await values.store(id, name, value);
    const key = bull.names.of(type, id);
    // Before the job completes, so that it never is without its result; another start's is not its own.
    if ("blob" in result) await bull.call("HSET", key, resultField(starts), result.blob);
    const text = "json" in result ? result.json : "null";
    const write = async (lock: string) => {
      const backend = bull.of(type);
      await backend.moveToFinished(id, backend.moveToCompletedArgs(minimal(id, maxAttempts), text, false, lock));
    };
    let kept = false;
    try {
      const status = await this.#settle(lease, type, () => write(Tokens.lockIn(token)), ["completed"], "completed");
      kept = status === "completed";
    } catch (error) {
      // Whatever else failed may have been written all the same.
      kept = !isAspenError(error);
      throw error;
    } finally {
      if (!kept) await values.forget(id, name, result);
    }
  }

  /** @throws AspenError `LEASE_LOST`, or as `JobQueue.fail` */
  async fail(lease: JobLease, failure: JobFailure): Promise<JobStatus> {
    const { signals, random } = this.#parts;
    const { id, token } = lease;
    const { type, maxAttempts, failures, meta } = await this.#attempt(lease);
    const lock = Tokens.lockIn(token);
    const settled: readonly JobStatus[] = ["retrying", "failed", "dead_letter", "cancelled"];
    if (failure.permanent || maxAttempts === 1 || failures + 1 >= maxAttempts) {
      const status = failure.permanent || maxAttempts === 1 ? "failed" : "dead_letter";
      return this.#settle(lease, type, () => this.#endAs(type, id, lock, { ...failure, status }), settled, status);
    }
    const delay = backoffMs(meta.backoff, failures + 1, random);
    const now = Date.now();
    const later = async () => {
      const fieldsToUpdate = { failedReason: JSON.stringify(failure) };
      await this.#parts.bull.of(type).moveToDelayed(id, now, delay, lock, { fieldsToUpdate });
    };
    const status = await this.#settle(lease, type, later, settled, "retrying");
    if (status === "retrying") signals.due(now + delay);
    return status;
  }

  /** @throws AspenError `LEASE_LOST`, or as `JobQueue.release` */
  async release(lease: JobLease): Promise<void> {
    const { bull, signals } = this.#parts;
    const { id, token } = lease;
    const { type } = await this.#attempt(lease);
    const back = async () => {
      await bull.of(type).moveJobFromActiveToWait(id, Tokens.lockIn(token));
      await bull.call("HINCRBY", bull.names.of(type, id), "uncounted", 1);
    };
    const status = await this.#settle(lease, type, back, ["pending"], "pending");
    if (status === "pending") signals.ready(type);
  }

  /** What is known of the attempt of a lease. @throws AspenError `LEASE_LOST` when there is no such job */
  async #attempt({ id, token }: JobLease): Promise<Pick<Claimed, "type" | "maxAttempts" | "failures" | "meta">> {
    const known = this.#claimer.known(id, token);
    if (known) return known;
    const job = await readJob(this.#parts.bull, id);
    if (!job) throw jobsErrors.leaseLost(id);
    return job;
  }

  /**
   * Writes the end of an attempt. BullMQ refuses it to who has not the lock: then it was written before, and its answer
   * lost; or the job is to be cancelled, and is that now; or the lease is lost. Gives what the job is.
   */
  async #settle(
    lease: JobLease,
    type: string,
    write: () => Promise<void>,
    before: readonly JobStatus[],
    to: JobStatus,
  ): Promise<JobStatus> {
    const { id } = lease;
    let status = to;
    try {
      await write();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      status = await this.#refused(lease, type, before);
    }
    const { meta = null } = this.#claimer.known(id, lease.token) ?? {};
    this.#claimer.forget(id);
    if (status === "completed" || status === "failed" || status === "dead_letter" || status === "cancelled") {
      if (meta?.tell) this.#parts.signals.ended(id);
      await this.#over({ id, type, status });
    }
    return status;
  }

  async #refused(lease: JobLease, type: string, before: readonly JobStatus[]): Promise<JobStatus> {
    const { bull } = this.#parts;
    const { id, token } = lease;
    const job = await readJob(bull, id);
    if (!job || job.starts !== Tokens.startsIn(token)) throw jobsErrors.leaseLost(id);
    if (before.includes(job.status)) return job.status;
    if (job.status !== "running" || !job.cancel) throw jobsErrors.leaseLost(id);
    const reason = (await bull.call("HGET", bull.names.of(type, id), "cancel")) as string;
    try {
      await this.#endAs(type, id, cancelledLock(Tokens.lockIn(token)), JSON.parse(reason) as EndReason);
    } catch (error) {
      if (isRefusal(error)) throw jobsErrors.leaseLost(id);
      throw error;
    }
    return "cancelled";
  }

  async #endAs(type: string, id: string, lock: string, reason: EndReason): Promise<void> {
    const backend = this.#parts.bull.of(type);
    // The status first, by which jobs are counted.
    const { status, ...failure } = reason;
    // The number of attempts is for an event of BullMQ alone, which says that they are used up.
    const attempts = status === "dead_letter" ? 1 : Number.MAX_SAFE_INTEGER;
    const text = JSON.stringify({ status, ...failure });
    await backend.moveToFinished(id, backend.moveToFailedArgs(minimal(id, attempts), text, false, lock));
  }

  /** Tells those who wait for the job's end, and those that depend on it. */
  async #over(job: Pick<BullJob, "id" | "type" | "status">): Promise<void> {
    const { bull, signals } = this.#parts;
    const { names } = bull;
    // Hardly ever is there any.
    if ((await bull.call("EXISTS", names.waiter(job.id), names.children(job.id))) === 0) return;
    signals.finished(job.id);
    await tellDependents(this.#parts, job);
  }
}
