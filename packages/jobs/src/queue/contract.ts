import type { Clock } from "@aspen/feature";
import type { Caller } from "@aspen/rpc-core";
import type { Check, KeyValueStore, Op, WorkerStore } from "@aspen/storage";
import type { JobEnd } from "../ends/job-end.js";
import type { FlowJob } from "../flow.js";
import type { Job, JobFailure, JobLogLine, JobOrigin, JobProgress, JobRequest, RunnableJob } from "../job.js";
import type { JobStatus } from "../job-states.js";

/** The right to work on a job until the lease is over. The token grows with every start of the job. */
export interface JobLease {
  readonly id: string;
  readonly token: number;
}

/** A job that somebody may run now, and must settle: complete, fail or release. */
export interface ClaimedJob extends RunnableJob, JobLease {
  /** Who submitted it. @default code of the process, which may do everything */
  readonly caller?: Caller;
}

export interface ClaimType {
  readonly type: string;
  /** Most jobs of the type. @default `limit` of the claim */
  readonly limit?: number;
  /** At most `max` starts within `perMs` milliseconds, in the whole cluster. @default none */
  readonly rate?: { readonly max: number; readonly perMs: number };
  /** Milliseconds beyond a job's `timeoutMs` for which it is leased, instead of `leaseMs`. */
  readonly leaseBeyondTimeoutMs?: number;
}

export interface ClaimOptions {
  /** Who claims, for people; 1 to 100 characters. */
  readonly worker: string;
  readonly types: readonly ClaimType[];
  /** Most jobs, 1 to 100. */
  readonly limit: number;
  /** Milliseconds for which the jobs are leased. */
  readonly leaseMs: number;
}

/** What a worker tells of a job that it runs. */
export interface JobUpdate extends JobLease {
  /** Leases it for so many milliseconds from now on; no lease is made shorter. */
  readonly leaseMs: number;
  readonly progress?: JobProgress;
  readonly log?: readonly JobLogLine[];
}

/** `lost`: settled, or given to another; drop the work. `cancelled`: stop the work, and settle it as failed. */
export type UpdateAnswer = "held" | "cancelled" | "lost";

export interface ListJobsOptions {
  readonly status?: JobStatus;
  readonly type?: string;
  readonly group?: string;
  /** Who asked for them, such as `plugin:shop`. */
  readonly submitter?: string;
  /** Of the page, 1 to 1,000. @default 100 */
  readonly limit?: number;
  /** `cursor` of the page before. */
  readonly after?: string;
}

/** A page can be shorter than its limit, and even empty, with a cursor: a call looks at a bounded number of jobs. */
export interface JobPage {
  /** Newest first without a status. */
  readonly jobs: readonly Job[];
  readonly cursor: string | null;
}

export interface JobLogPage {
  /** None: there is nothing more, so far. */
  readonly lines: readonly JobLogLine[];
  /** Where to go on. */
  readonly cursor: string;
}

/** Counts are exact up to `countedTo`, and mean "that many or more" there. */
export interface JobStats {
  readonly byStatus: Readonly<Record<JobStatus, number>>;
  /** Of every type that a worker has registered. */
  readonly byType: Readonly<Record<string, { readonly waiting: number; readonly running: number }>>;
  readonly countedTo: number;
}

/** Somebody who takes jobs. */
export interface WorkerInfo {
  /** 1 to 100 characters. */
  readonly name: string;
  readonly types: readonly string[];
  /** Jobs that it runs at once, and runs now. */
  readonly concurrency: number;
  readonly running: number;
  /** When it said so, milliseconds since the Unix epoch. */
  readonly seenAt: number;
}

/**
 * What a claimer, a stop of one, or who calls `maintain` should look at. Times are on the queue's clock: `due`: a delay, a
 * back-off or a lease is over at `at`, unless that was told of an earlier one before; `maintained`: all that was due at
 * `at` is done; `schedules`: there are schedules; `ended`: this process has ended a job whose end somebody is to be told.
 */
export type QueueSignal =
  | { readonly kind: "ready"; readonly type: string }
  | { readonly kind: "cancel"; readonly id: string }
  | { readonly kind: "schedules" }
  | { readonly kind: "ended"; readonly id: string }
  | { readonly kind: "due"; readonly at: number }
  | ({ readonly kind: "maintained"; readonly at: number } & Pick<Maintained, "nextAt" | "idle">);

/** A queue over a key-value store, for a worker thread. */
export interface QueueInThread {
  readonly store: WorkerStore;
  readonly namespace: string;
  /** It is one of BullMQ, with this prefix, on the Redis of the store. @default a queue over the store */
  readonly bullMqPrefix?: string;
}

/** A job that is there when it was submitted and its operations were applied, in one transaction with its checks. */
export interface PreparedJob {
  readonly id: string;
  /**
   * Creates the job where it is kept elsewhere than in the store. It is called before the transaction, and again when that
   * is tried again: the second call does nothing. @default the operations create it
   */
  submit?(): Promise<void>;
  readonly checks: readonly Check[];
  readonly ops: readonly Op[];
  /** Tells those who take jobs that it is there. */
  onCommitted(): void;
}

/**
 * A key-value store beside, or under, a queue, for those whose own changes and new jobs are one transaction; or one and
 * the other, when the queue keeps its jobs elsewhere.
 */
export interface QueueInStore {
  readonly kv: KeyValueStore;
  /** Of the jobs; what is written with them has to be in it. */
  readonly namespace: string;
  readonly clock: Clock;
  /**
   * Takes no `dependsOn` and no `idempotencyKey`, and at most 65,536 bytes of payload. A queue that keeps its jobs elsewhere
   * makes the job's id of its origin, so that each tick has one job.
   *
   * @throws AspenError as {@link JobQueue.submit}; `PAYLOAD_TOO_LARGE`
   */
  prepare(request: JobRequest, origin: JobOrigin): Promise<PreparedJob>;
  /** Tells all processes that there are schedules, also those that begin to listen later. */
  tellSchedules(): Promise<void>;
}

/** What {@link JobQueue.maintain} did. */
export interface Maintained {
  /** Jobs whose delay or back-off was over. */
  readonly promoted: number;
  /** Jobs of which the lease was over. */
  readonly stalled: number;
  /** Finished jobs that were kept long enough. */
  readonly removed: number;
  /** When the next delay, back-off or lease is over, on the queue's clock; null: none is known. */
  readonly nextAt: number | null;
  /** Nothing was delayed, retrying, running or finished: nothing will be due before something is told to be. */
  readonly idle: boolean;
}

export interface MaintainOptions {
  /** Jobs that are not stalled whatever the clock says: this process runs them, and no other can. */
  readonly keep?: ReadonlySet<string>;
  readonly signal?: AbortSignal;
}

/**
 * An engine: where jobs are kept, and who decides who runs them. Whatever changes a job's status writes its event in the
 * same step. Every method throws `AspenError`: `INVALID_PARAMS` for bad input, `JOB_NOT_FOUND`, and what the store throws.
 * `testJobQueue` of `@aspen/jobs/testing` is the conformance suite.
 */
export interface JobQueue extends AsyncDisposable {
  /** How a worker thread opens the queue for itself. @default it cannot */
  readonly inThread?: QueueInThread | undefined;
  /** How schedules create jobs. @default the queue has no schedules */
  readonly inStore?: QueueInStore | undefined;
  /**
   * `created` is false when a job with this idempotency key was there.
   *
   * @throws AspenError also `JOB_TYPE_UNKNOWN`; `JOB_NOT_FOUND` and `JOB_DEPENDENCY_FAILED` for what it depends on
   */
  submit(request: JobRequest): Promise<{ id: string; created: boolean }>;
  /**
   * Submits jobs that depend on each other, all in one step or none. Gives their ids by their names.
   *
   * @throws AspenError also what {@link JobQueue.submit} throws; `PAYLOAD_TOO_LARGE` when the step is too large
   */
  submitFlow(jobs: readonly FlowJob[]): Promise<{ ids: Record<string, string> }>;
  /** Null when there is none. */
  get(id: string): Promise<Job | null>;
  list(options?: ListJobsOptions): Promise<JobPage>;
  /** Resolves when the job does nothing more by itself. @throws AspenError also `CANCELLED` when `signal` is aborted */
  wait(id: string, signal?: AbortSignal): Promise<Job>;
  /** A page of what the job wrote. */
  logs(id: string, after?: string): Promise<JobLogPage>;
  /** A running job ends as soon as its worker has stopped; any other is `cancelled` at once. @throws AspenError also `JOB_STATE` */
  cancel(id: string, reason?: string): Promise<Job>;
  /** Starts a failed, cancelled or dead job anew, with all of its attempts. @throws AspenError also `JOB_STATE` */
  retry(id: string): Promise<Job>;
  /** Forgets a finished job. @throws AspenError also `JOB_STATE` */
  remove(id: string): Promise<void>;
  stats(): Promise<JobStats>;

  /**
   * Ends of jobs that somebody is to be told of (`tell` of the request), noted in the step that ends the job, and was not:
   * those of one job, or some of all; calls one after the other come by all.
   */
  untold(id?: string): Promise<JobEnd[]>;
  /** Forgets an end: it was told. */
  told(end: JobEnd): Promise<void>;

  /** Jobs of these types may be submitted from now on, in the whole cluster. */
  registerTypes(types: readonly string[]): Promise<void>;
  knownTypes(): Promise<string[]>;
  /** Says who takes jobs, for `ttlMs` milliseconds; nothing depends on it. @throws AspenError also `INVALID_PARAMS` */
  announce(info: WorkerInfo, ttlMs: number): Promise<void>;
  /** Takes back what was announced. */
  retire(name: string): Promise<void>;
  /** At most 1,000. */
  workers(): Promise<WorkerInfo[]>;
  /** Jobs that may run, in the order of their ranks within a group, groups in turns. No more than asked for, none twice. */
  claim(options: ClaimOptions): Promise<ClaimedJob[]>;
  /** Renews leases, and writes progress and logs. The answers are in the order of the updates. */
  update(updates: readonly JobUpdate[]): Promise<UpdateAnswer[]>;
  /** A job that was cancelled meanwhile is `cancelled`. @throws AspenError also `LEASE_LOST` */
  complete(lease: JobLease, result: unknown): Promise<void>;
  /** Ends an attempt: what follows from it is the queue's to decide. @throws AspenError also `LEASE_LOST` */
  fail(lease: JobLease, failure: JobFailure): Promise<JobStatus>;
  /** Gives a job back as if it had never been started. @throws AspenError also `LEASE_LOST` */
  release(lease: JobLease): Promise<void>;

  /** Does what is due, and tells so. Somebody calls it when something is due, and now and then; many may at once. */
  maintain(options?: MaintainOptions): Promise<Maintained>;
  /** Hints, which may be lost: who listens also looks now and then. Returns what ends it. */
  subscribe(listener: (signal: QueueSignal) => void): Disposable;
}
