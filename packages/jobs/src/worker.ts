import type { Logger } from "@aspen/plugin-api";
import type { Caller, StandardSchema } from "@aspen/rpc-core";
import type { BlobStore } from "@aspen/storage";
import type { JobProgress, RunnableJob } from "./job.js";

/** What a worker works with while it runs one job. */
export interface JobContext {
  /** Aborted, with the error that the job ends with, when it is cancelled, over its time, or no longer leased. */
  readonly signal: AbortSignal;
  /** Lines that are kept with the job. */
  readonly log: Logger;
  /** Tells how far the job is. Only the last of what is told within half a second is written. */
  progress(progress: JobProgress | number): void;
  readonly blobs: BlobStore;
  /**
   * Who submitted the job, with what he was granted then and is granted still: whatever is called for the job is called as
   * him.
   *
   * @throws AspenError `UNAUTHENTICATED` when his token was revoked, has expired or is not known to this pool;
   * `PLUGIN_NOT_FOUND` for a plugin that is installed no more; `STORE_UNAVAILABLE`
   */
  caller(): Promise<Caller>;
}

/**
 * Runs jobs of some types. What `execute` returns is the job's result, anything that JSON holds. What it throws is the
 * attempt's failure: with its code, when it is an `AspenError`, and for good, when it is a `PermanentFailure`.
 */
export interface Worker {
  /** Asked once, when the worker is added to a pool. */
  jobTypes(): readonly string[];
  execute(job: RunnableJob, context: JobContext): Promise<unknown>;
  /** What payloads of a type have to be. A payload that is not is refused where it is submitted, or fails for good. */
  payloadSchema?(type: string): StandardSchema | undefined;
  /**
   * Ends the work on a job by force: called when `execute` has not settled a grace after its signal was aborted.
   * Resolves when nothing of it runs any more; `execute` settles then. @default it cannot, and the slot stays taken
   */
  kill?(jobId: string): Promise<void>;
  /** Before the first job. What it throws keeps the pool from starting. */
  onStart?(): Promise<void>;
  /** After the last one. */
  onShutdown?(): Promise<void>;
  /**
   * Its jobs can block the event loop of this process, and with it the renewal of leases. A thread renews them then, where
   * the store can be opened by one, as Redis can. Elsewhere they are leased for the whole of their `timeoutMs`, and come
   * back that late when the node dies. @default false
   */
  readonly blocksEventLoop?: boolean;
}
