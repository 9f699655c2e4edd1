import { given } from "@aspen/feature";
import { type Caller, type HandlerFactory, type MethodsOf, method, methodsHandlerFactory } from "@aspen/rpc-core";
import { z } from "zod";
import { jobsErrors } from "../errors.js";
import { keptCaller, submitterOf } from "../job-caller.js";
import type { JobSchedules } from "../schedules/job-schedules.js";
import type { JobSchedule, ScheduledJob, SchedulePatch, ScheduleRequest } from "../schedules/schedule.js";
import type { WorkerPool } from "../worker-pool.js";
import { cursor, id, scheduledJob, whole } from "./schemas.js";

/** `job.schedule.*`. */
export function scheduleHandler(schedules: JobSchedules, pool: WorkerPool): HandlerFactory {
  return methodsHandlerFactory({
    ...{ name: "job.schedule", priority: 563 },
    methods: () => scheduleMethods(schedules, pool),
  });
}

/** Params and results of the methods, from the table below. */
export type ScheduleMethods = MethodsOf<ReturnType<typeof scheduleMethods>>;

declare module "@aspen/rpc-core" {
  interface RpcMethods extends ScheduleMethods {}
}

const name = z.string();
const options = {
  cron: z.string().optional(),
  timeZone: z.string().optional(),
  everyMs: whole.optional(),
  startAt: whole.nullable().optional(),
  endAt: whole.nullable().optional(),
  catchUp: z.enum(["skip", "one", "all"]).optional(),
  graceMs: whole.optional(),
  jitterMs: whole.optional(),
  overlap: z.enum(["skip", "allow"]).optional(),
};

/** Who said what it submits is shown beside that. */
interface ShownSchedule extends JobSchedule {
  readonly submitter?: string;
}

/** A schedule, as it is shown. */
const schedule: z.ZodType<ShownSchedule> = z.strictObject({
  name,
  status: z.enum(["active", "paused", "ended"]),
  cron: z.string().optional(),
  timeZone: z.string().optional(),
  everyMs: whole.optional(),
  startAt: whole.nullable(),
  endAt: whole.nullable(),
  catchUp: z.enum(["skip", "one", "all"]),
  graceMs: whole,
  jitterMs: whole,
  overlap: z.enum(["skip", "allow"]),
  job: scheduledJob,
  submitter: z.string().optional(),
  createdAt: whole,
  nextAt: whole.nullable(),
  last: z.strictObject({ scheduledAt: whole, jobId: id }).nullable(),
  skipped: whole,
}) as z.ZodType<ShownSchedule>;

function scheduleMethods(schedules: JobSchedules, pool: WorkerPool) {
  const one = z.strictObject({ name });
  return {
    "job.schedule.create": method({
      summary: "Has a job submitted by a crontab or at an interval; replace: also when there is one of this name.",
      params: z.strictObject({ name, ...options, job: scheduledJob, replace: z.boolean().optional() }),
      result: schedule,
      handle: async ({ replace = false, job, ...request }, { caller }) => {
        await pool.checkPayload(job.type, job.payload ?? null);
        const created = { ...given(request), job: jobOf(caller, job) } as ScheduleRequest;
        return shown(await schedules.create(created, { replace }));
      },
    }),
    "job.schedule.get": method({
      summary: "Shows one schedule, with its next tick and its last job. Times are milliseconds since the epoch.",
      params: one,
      result: schedule,
      handle: async ({ name }) => {
        const found = await schedules.get(name);
        if (!found) throw jobsErrors.scheduleNotFound(name);
        return shown(found);
      },
    }),
    "job.schedule.list": method({
      summary: "One page of schedules, by name; cursor null at the end.",
      params: z.strictObject({ limit: z.int().optional(), after: cursor }),
      result: z.strictObject({ schedules: z.array(schedule), cursor: z.string().nullable() }),
      handle: async (params) => {
        const page = await schedules.list(given(params));
        return { schedules: page.schedules.map(shown), cursor: page.cursor };
      },
    }),
    "job.schedule.update": method({
      summary: "Changes what is given of a schedule; its job as a whole. startAt and endAt null: no such time.",
      params: z.strictObject({ name, ...options, job: scheduledJob.optional() }),
      result: schedule,
      handle: async ({ name, job, ...rest }, { caller }) => {
        if (job) await pool.checkPayload(job.type, job.payload ?? null);
        const patch = { ...given(rest), ...(job ? { job: jobOf(caller, job) } : {}) } as SchedulePatch;
        return shown(await schedules.update(name, patch));
      },
    }),
    "job.schedule.pause": method({
      summary: "Lets no tick come until the schedule is resumed.",
      params: one,
      result: schedule,
      handle: async ({ name }) => shown(await schedules.pause(name)),
    }),
    "job.schedule.resume": method({
      summary: "Goes on with the next tick after now; those that came meanwhile are skipped.",
      params: one,
      result: schedule,
      handle: async ({ name }) => shown(await schedules.resume(name)),
    }),
    "job.schedule.remove": method({
      summary: "Forgets a schedule; its jobs stay.",
      params: one,
      result: one,
      handle: async ({ name }) => {
        await schedules.remove(name);
        return { name };
      },
    }),
    "job.schedule.trigger": method({
      summary: "Submits a job of a schedule now, also of one that is paused.",
      params: one,
      result: z.strictObject({ id }),
      handle: async ({ name }) => ({ id: await schedules.trigger(name) }),
    }),
  };
}

/** Whoever says what a schedule submits submits its jobs. */
function jobOf(caller: Caller, job: z.output<typeof scheduledJob>): ScheduledJob {
  return { ...given(job), submitter: submitterOf(caller), ...given({ caller: keptCaller(caller) }) } as ScheduledJob;
}

/** Its job as it can be sent back. */
function shown({ job: { caller: _, submitter, ...job }, ...schedule }: JobSchedule) {
  return { ...schedule, job, ...given({ submitter }) };
}
