import { given } from "@aspen/feature";
import { type HandlerFactory, type MethodsOf, method, methodsHandlerFactory } from "@aspen/rpc-core";
import { z } from "zod";
import { jobsErrors } from "../errors.js";
import type { FlowJob } from "../flow.js";
import type { Job, JobRequest } from "../job.js";
import { submitterOf } from "../job-caller.js";
import { JOB_LIMITS } from "../options.js";
import type { JobQueue, ListJobsOptions } from "../queue/contract.js";
import type { WorkerPool } from "../worker-pool.js";
import { cursor, flowJobParams, id, job, logLine, status, submitParams } from "./schemas.js";

/** Milliseconds that `job.wait` waits at most. */
const WAIT_MAX_MS = 300_000;
const WAIT_DEFAULT_MS = 30_000;

/** `job.*` but `job.dead.*`. */
export function jobHandler(queue: JobQueue, pool: WorkerPool): HandlerFactory {
  return methodsHandlerFactory({ name: "job", priority: 560, methods: () => jobMethods(queue, pool) });
}

/** Params and results of the methods, from the table below. */
export type JobMethods = MethodsOf<ReturnType<typeof jobMethods>>;

declare module "@aspen/rpc-core" {
  interface RpcMethods extends JobMethods {}
}

function jobMethods(queue: JobQueue, pool: WorkerPool) {
  return {
    "job.submit": method({
      summary: "Submits a job; created is false when a job of this type with the idempotencyKey was there.",
      params: submitParams,
      result: z.strictObject({ id, created: z.boolean() }),
      handle: async (params, { caller }) => {
        await pool.checkPayload(params.type, params.payload ?? null);
        return queue.submit({ ...(given(params) as JobRequest), submitter: submitterOf(caller), caller });
      },
    }),
    "job.flow.submit": method({
      summary:
        "Submits jobs that depend on each other, all or none: dependsOn has names of jobs of the flow, and ids of jobs that are there. Gives their ids by their names.",
      params: z.strictObject({ jobs: z.array(flowJobParams).min(1).max(JOB_LIMITS.flowJobs) }),
      result: z.strictObject({ ids: z.record(z.string(), id) }),
      handle: async ({ jobs }, { caller }) => {
        for (const { name, type, payload = null } of jobs) await pool.checkPayload(type, payload, `${name}.payload`);
        const submitter = submitterOf(caller);
        return queue.submitFlow(jobs.map((job) => ({ ...(given(job) as FlowJob), submitter, caller })));
      },
    }),
    "job.get": method({
      summary: "Shows one job. Times are milliseconds since the epoch.",
      params: z.strictObject({ id }),
      result: job,
      handle: ({ id }) => known(queue, id),
    }),
    "job.list": method({
      summary:
        "One page of jobs, newest first without a status; it can be shorter than its limit. cursor null at the end.",
      params: z.strictObject({
        status: status.optional(),
        type: z.string().optional(),
        group: z.string().optional(),
        submitter: z.string().optional(),
        limit: z.int().optional(),
        after: cursor,
      }),
      result: z.strictObject({ jobs: z.array(job), cursor: z.string().nullable() }),
      handle: async (params) => {
        const { jobs, cursor } = await queue.list(given(params) as ListJobsOptions);
        return { jobs: [...jobs], cursor };
      },
    }),
    "job.cancel": method({
      summary: "Cancels a job. One that runs is stopped, and has cancelRequested until then.",
      params: z.strictObject({ id, reason: z.string().optional() }),
      result: job,
      handle: ({ id, reason }) => queue.cancel(id, reason),
    }),
    "job.retry": method({
      summary: "Starts a failed, cancelled or dead job anew, with all of its attempts.",
      params: z.strictObject({ id }),
      result: job,
      handle: ({ id }) => queue.retry(id),
    }),
    "job.remove": method({
      summary: "Forgets a finished job, its log and its result.",
      params: z.strictObject({ id }),
      result: z.strictObject({ id }),
      handle: async ({ id }) => {
        await queue.remove(id);
        return { id };
      },
    }),
    "job.logs": method({
      summary: "Lines that a job wrote, from after on; none: there are no more so far.",
      params: z.strictObject({ id, after: cursor }),
      result: z.strictObject({ lines: z.array(logLine), cursor: z.string() }),
      handle: async ({ id, after }) => {
        const { lines, cursor } = await queue.logs(id, after);
        return { lines: lines as z.output<typeof logLine>[], cursor };
      },
    }),
    "job.wait": method({
      summary: "Shows a job when it is finished, or after waitMs (30,000 unless given, at most 300,000) as it is then.",
      params: z.strictObject({ id, waitMs: z.int().min(0).max(WAIT_MAX_MS).optional() }),
      result: job,
      handle: async ({ id, waitMs = WAIT_DEFAULT_MS }, { signal }) => {
        const over = AbortSignal.timeout(waitMs);
        try {
          return await queue.wait(id, AbortSignal.any([signal, over]));
        } catch (error) {
          if (!over.aborted || signal.aborted) throw error;
          return known(queue, id);
        }
      },
    }),
    "job.stats": method({
      summary: "Counts of jobs, exact below countedTo and that many or more at it.",
      params: z.strictObject({}),
      result: z.strictObject({
        byStatus: z.record(status, z.number()),
        byType: z.record(z.string(), z.strictObject({ waiting: z.number(), running: z.number() })),
        countedTo: z.number(),
      }),
      handle: async () => {
        const { byStatus, byType, countedTo } = await queue.stats();
        return { byStatus: { ...byStatus }, byType: { ...byType }, countedTo };
      },
    }),
  };
}

async function known(queue: JobQueue, id: string): Promise<Job> {
  const found = await queue.get(id);
  if (!found) throw jobsErrors.notFound(id);
  return found;
}
