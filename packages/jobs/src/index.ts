/** A job queue and workers on a shared key-value store. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api";
export { type Backoff, backoffMs, DEFAULT_BACKOFF } from "./backoff.js";
export type { JobAudience } from "./ends/job-audience.js";
export type { JobEnd } from "./ends/job-end.js";
export { jobsErrors, PermanentFailure } from "./errors.js";
export type { FlowJob } from "./flow.js";
export type { JailLimits, JailOptions } from "./jail/jail-options.js";
export type { Job, JobFailure, JobLogLine, JobOrigin, JobProgress, JobRequest, RunnableJob } from "./job.js";
export { canBecome, isFinished, JOB_STATUSES, JOB_TRANSITIONS, type JobStatus } from "./job-states.js";
export { JOB_LIMITS } from "./options.js";
export type { TypeOptions, WorkerPoolOptions } from "./pool/pool-options.js";
export type { PressureOptions } from "./pool/pressure.js";
export type {
  ClaimedJob,
  ClaimOptions,
  ClaimType,
  JobLease,
  JobLogPage,
  JobPage,
  JobQueue,
  JobStats,
  JobUpdate,
  ListJobsOptions,
  Maintained,
  MaintainOptions,
  PreparedJob,
  QueueInStore,
  QueueSignal,
  UpdateAnswer,
  WorkerInfo,
} from "./queue/contract.js";
export type { JobEvent } from "./queue/kv/events.js";
export { KvJobQueue, type KvJobQueueOptions } from "./queue/kv/kv-job-queue.js";
export { JobSchedules, type SchedulePage } from "./schedules/job-schedules.js";
export type {
  JobSchedule,
  ScheduledJob,
  ScheduleOptions,
  SchedulePatch,
  ScheduleRequest,
} from "./schedules/schedule.js";
export type { RunSchedulesOptions, ScheduleRunning } from "./schedules/schedule-runner.js";
export type { JobContext, Worker } from "./worker.js";
export { WorkerPool, type WorkerPoolParts } from "./worker-pool.js";
export { type DefineJobOptions, defineJob, type FunctionJob } from "./workers/function/define-job.js";
export { FunctionWorker } from "./workers/function/function-worker.js";
export {
  type ThreadJob,
  type ThreadJobContext,
  ThreadWorker,
  type ThreadWorkerOptions,
} from "./workers/function/thread-worker.js";
export { nixErrors } from "./workers/nix/errors.js";
export { type NixOutput, type NixResult, NixWorker } from "./workers/nix/nix-worker.js";
export type { NixWorkerOptions } from "./workers/nix/options.js";
export { SHELL_LIMITS, type ShellArtifact, type ShellPayload, type ShellResult } from "./workers/shell/payload.js";
export { ShellWorker, type ShellWorkerOptions } from "./workers/shell/shell-worker.js";
