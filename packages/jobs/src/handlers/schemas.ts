import { z } from "zod";
import type { Backoff } from "../backoff.js";
import type { Job } from "../job.js";
import { JOB_STATUSES } from "../job-states.js";

/** What is out of range is refused by the queue, which knows the limits; the schemas say what there is. */
export const whole = z.int();

export const id = z.string();
export const status = z.enum(JOB_STATUSES);
export const cursor = z.string().optional();

const jitter = z.number().optional();
const backoff = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("fixed"), delayMs: whole, jitter }),
  z.strictObject({ type: z.literal("exponential"), delayMs: whole, maxMs: whole.optional(), jitter }),
  z.strictObject({ type: z.literal("list"), delaysMs: z.array(whole), jitter }),
]) as z.ZodType<Backoff, Backoff>;

/** What a schedule submits. */
export const scheduledJob = z.strictObject({
  type: z.string(),
  payload: z.unknown().optional(),
  priority: whole.optional(),
  timeoutMs: whole.optional(),
  attempts: whole.optional(),
  backoff: backoff.optional(),
  maxStalls: whole.optional(),
  group: z.string().optional(),
  allowUnknown: z.boolean().optional(),
});

export const submitParams = scheduledJob.extend({
  delayMs: whole.optional(),
  idempotencyKey: z.string().optional(),
  dependsOn: z.array(id).optional(),
  onDependencyFailure: z.enum(["fail", "ignore"]).optional(),
});

/** A job of a flow. */
export const flowJobParams = submitParams.omit({ idempotencyKey: true }).extend({ name: z.string() });

export const failure = z.object({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
  permanent: z.boolean().optional(),
});

export const progress = z.strictObject({ percent: z.number(), message: z.string().optional() });

export const logLine = z.object({
  at: z.number(),
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
  fields: z.record(z.string(), z.unknown()).optional(),
});

/** A job, as it is shown. */
export const job: z.ZodType<Job> = z.strictObject({
  id,
  type: z.string(),
  status,
  payload: z.unknown(),
  priority: whole,
  group: z.string(),
  progress: progress.nullable(),
  attempts: whole,
  maxAttempts: whole,
  timeoutMs: whole,
  submittedAt: whole,
  readyAt: whole,
  startedAt: whole.optional(),
  finishedAt: whole.optional(),
  worker: z.string().optional(),
  waitingFor: z.array(id),
  cancelRequested: z.boolean(),
  idempotencyKey: z.string().optional(),
  submitter: z.string().optional(),
  schedule: z.strictObject({ name: z.string(), scheduledAt: whole }).optional(),
  result: z.unknown().optional(),
  error: failure.optional(),
}) as z.ZodType<Job>;
