import "reflect-metadata";
import { type CallerReview, type Feature, given, type HostPort, type JobWorker, NODE, POINTS } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import type { Store } from "@aspen/storage";
import { STORAGE } from "@aspen/storage/module";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { z } from "zod";
import { deadHandler } from "./handlers/dead.js";
import { jobHandler } from "./handlers/job.js";
import { scheduleHandler } from "./handlers/schedule.js";
import { workerHandler } from "./handlers/worker.js";
import { JobsService, jobsHealth } from "./jobs-service.js";
import { JOB_METERS } from "./meters.js";
import { PluginJobs } from "./plugin-jobs.js";
import type { TypeOptions } from "./pool/pool-options.js";
import { WorkerTable } from "./pool/worker-table.js";
import { BullMqJobQueue } from "./queue/bullmq/bullmq-job-queue.js";
import type { JobQueue } from "./queue/contract.js";
import { KvJobQueue } from "./queue/kv/kv-job-queue.js";
import { QueueCounts } from "./queue/queue-counts.js";
import { JobSchedules } from "./schedules/job-schedules.js";
import type { Worker } from "./worker.js";
import { WorkerPool } from "./worker-pool.js";

export type { DeadJobMethods } from "./handlers/dead.js";
export type { JobMethods } from "./handlers/job.js";
export type { ScheduleMethods } from "./handlers/schedule.js";
export type { WorkerMethods } from "./handlers/worker.js";

export const JOBS = {
  queue: Symbol.for("@aspen/jobs JobQueue") as ServiceIdentifier<JobQueue>,
  workers: Symbol.for("@aspen/jobs WorkerTable") as ServiceIdentifier<WorkerTable>,
  pool: Symbol.for("@aspen/jobs WorkerPool") as ServiceIdentifier<WorkerPool>,
  schedules: Symbol.for("@aspen/jobs JobSchedules") as ServiceIdentifier<JobSchedules>,
  counts: Symbol.for("@aspen/jobs QueueCounts") as ServiceIdentifier<QueueCounts>,
} as const;

const ENGINES = { kv: KvJobQueue, bullmq: BullMqJobQueue } as const;

const COUNT_MS = 15_000;

const ms = (least: number) => z.int().min(least).max(3_600_000).optional();
const keepMs = z
  .int()
  .min(0)
  .max(3660 * 86_400_000)
  .optional();

const configSchema = z.strictObject({
  engine: z
    .enum(["kv", "bullmq"])
    .optional()
    .describe(
      "Where jobs are: kv, a layer over the store; or bullmq, which needs redisUrl and the package bullmq; kv.",
    ),
  concurrency: z.int().min(1).max(1000).optional().describe("Jobs that the node runs at once; 10."),
  types: z
    .record(
      z.string(),
      z.strictObject({
        concurrency: z.int().min(1).max(1000).optional().describe("Jobs of the type that the node runs at once."),
        rate: z
          .strictObject({ max: z.int().min(1).max(1_000_000), perMs: z.int().min(1).max(86_400_000) })
          .optional()
          .describe("Starts of the type in the cluster: at most max within perMs milliseconds."),
      }),
    )
    .optional()
    .describe("By job type."),
  leaseMs: ms(1000).describe("Milliseconds without a sign of life after which a job goes to another node; 15,000."),
  pollMs: ms(1).describe("Milliseconds between looks for jobs, at most, when nothing tells of new ones; 30,000."),
  graceMs: ms(0).describe("Milliseconds that a job has to end before it is ended by force; 250."),
  drainMs: ms(0).describe(
    "Milliseconds that running jobs get when the node stops, before they are given back; 10,000.",
  ),
  keepCompletedMs: keepMs.describe("Milliseconds for which completed jobs are kept; a day."),
  keepFailedMs: keepMs.describe("Milliseconds for which failed and cancelled jobs are kept; a week."),
  keepDeadMs: keepMs.describe("Milliseconds for which dead letters are kept; 30 days."),
});

/** `features.jobs` of a node's configuration. */
export type JobsConfig = z.output<typeof configSchema>;

/** Keeps a job queue in the store, or in BullMQ on its Redis, and runs its jobs on the workers that other features bind to `POINTS.worker`. */
export const feature: Feature<JobsConfig> = {
  name: "jobs",
  config: configSchema,
  module: ({ engine = "kv", keepCompletedMs, keepFailedMs, keepDeadMs, types, ...rest }) =>
    new ContainerModule(({ bind }) => {
      bind(JOBS.queue)
        .toResolvedValue<[Store, Logger]>(
          (store, logger) =>
            new ENGINES[engine](store, {
              ...given({ keepCompletedMs, keepFailedMs, keepDeadMs }),
              onError: (error) => logger.warn({ error }, "a hint on jobs was not sent or not heard"),
            }),
          [STORAGE.store, NODE.log],
        )
        .inSingletonScope();
      bind(JOBS.workers)
        .toResolvedValue(() => new WorkerTable(), [])
        .inSingletonScope();
      bind(JOBS.pool)
        .toResolvedValue<
          [JobQueue, WorkerTable, Store, Logger, string, JobWorker[] | undefined, CallerReview[] | undefined]
        >(
          (queue, table, { blobs, exclusive = false }, logger, name, workers, reviews = []) => {
            const byType = types && { types: types as Record<string, TypeOptions> };
            const options = { ...given(rest), ...byType, name, soleProcess: exclusive };
            const pool = new WorkerPool({ queue, blobs, logger, workers: table, reviews }, options);
            for (const worker of workers ?? []) pool.add(worker as Worker);
            return pool;
          },
          [
            JOBS.queue,
            JOBS.workers,
            STORAGE.store,
            NODE.log,
            NODE.id,
            { serviceIdentifier: POINTS.worker, isMultiple: true, optional: true },
            { serviceIdentifier: POINTS.callerReview, isMultiple: true, optional: true },
          ],
        )
        .inSingletonScope();
      bind(JOBS.counts)
        .toResolvedValue((queue, logger) => new QueueCounts(queue, logger, COUNT_MS), [JOBS.queue, NODE.log])
        .inSingletonScope();
      bind(JOBS.schedules)
        .toResolvedValue((queue) => new JobSchedules(queue), [JOBS.queue])
        .inSingletonScope();
      bind(POINTS.service)
        .toResolvedValue(
          (queue, pool, counts, schedules, { kv }, log) => new JobsService(queue, pool, counts, schedules, kv, log),
          [JOBS.queue, JOBS.pool, JOBS.counts, JOBS.schedules, STORAGE.store, NODE.log],
        )
        .inSingletonScope();
      bind(POINTS.healthCheck).toResolvedValue(jobsHealth, [JOBS.pool]);
      // Not of the pool, whose workers may call plugins, which have the port.
      bind(POINTS.hostPort).toResolvedValue(
        (queue, workers): HostPort => ({ name: "jobs", service: new PluginJobs(queue, workers) }),
        [JOBS.queue, JOBS.workers],
      );
      bind(POINTS.announcement).toResolvedValue((pool) => ({ jobTypes: () => pool.workers.types }), [JOBS.pool]);
      bind(POINTS.handlerFactory).toResolvedValue(jobHandler, [JOBS.queue, JOBS.pool]);
      bind(POINTS.handlerFactory).toResolvedValue(deadHandler, [JOBS.queue]);
      bind(POINTS.handlerFactory).toResolvedValue(scheduleHandler, [JOBS.schedules, JOBS.pool]);
      bind(POINTS.handlerFactory).toResolvedValue(workerHandler, [JOBS.queue]);
      for (const meter of JOB_METERS) bind(POINTS.meter).toResolvedValue(meter, [JOBS.pool, JOBS.counts]);
    }),
};
