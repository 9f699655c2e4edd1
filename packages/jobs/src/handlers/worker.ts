import { type HandlerFactory, type MethodsOf, method, methodsHandlerFactory } from "@aspen/rpc-core";
import { z } from "zod";
import type { ClaimedJob, JobQueue, JobUpdate } from "../queue/contract.js";
import { ListedWorkers } from "./listed-workers.js";
import { failure, id, logLine, progress, status } from "./schemas.js";

const LEASE_MS = 30_000;
const POLL_MAX_MS = 60_000;
const FIRST_PAUSE_MS = 1000;

const worker = z.string();
const token = z.int();
const leaseMs = z.int().optional();

/** `worker.*`: workers in other processes, in any language, with the guarantees of those in the node. */
export function workerHandler(queue: JobQueue): HandlerFactory {
  return methodsHandlerFactory({ name: "worker", priority: 562, methods: () => workerMethods(queue) });
}

/** Params and results of the methods, from the table below. */
export type WorkerMethods = MethodsOf<ReturnType<typeof workerMethods>>;

declare module "@aspen/rpc-core" {
  interface RpcMethods extends WorkerMethods {}
}

function workerMethods(queue: JobQueue) {
  const listed = new ListedWorkers(queue);
  return {
    "worker.register": method({
      summary:
        "Makes the types of a worker known, so that jobs of them may be submitted, and lists the worker until it has not polled for a minute.",
      params: z.strictObject({
        worker,
        types: z.array(z.string()).max(1000),
        concurrency: z.int().min(1).max(1000).optional(),
      }),
      result: z.strictObject({ worker }),
      handle: async ({ worker, types, concurrency = 1 }) => {
        await queue.registerTypes(types);
        await listed.registered(worker, types, concurrency);
        return { worker };
      },
    }),
    "worker.poll": method({
      summary:
        "Leases up to limit jobs of the types, for leaseMs (30,000 unless given); waits up to waitMs (at most 60,000) for the first.",
      params: z.strictObject({
        worker,
        types: z.array(z.string()).min(1).max(1000),
        limit: z.int().optional(),
        leaseMs,
        waitMs: z.int().min(0).max(POLL_MAX_MS).optional(),
      }),
      result: z.strictObject({
        jobs: z.array(
          z.strictObject({
            ...{ id, token, type: z.string(), payload: z.unknown(), group: z.string() },
            ...{ attempts: z.int(), maxAttempts: z.int(), timeoutMs: z.int() },
          }),
        ),
      }),
      handle: async ({ worker, types, limit = 1, leaseMs = LEASE_MS, waitMs = 0 }, { signal }) => {
        await listed.polled(worker, types, limit);
        const wanted = types.map((type) => ({ type }));
        const claim = async () => (await queue.claim({ worker, types: wanted, limit, leaseMs })).map(shown);
        return { jobs: await claimWithin(queue, types, claim, AbortSignal.any([signal, AbortSignal.timeout(waitMs)])) };
      },
    }),
    "worker.heartbeat": method({
      summary:
        "Renews leases, with progress and lines of the jobs. Of each: held, cancelled (stop it, then fail it) or lost (drop it).",
      params: z.strictObject({
        jobs: z
          .array(
            z.strictObject({
              ...{ id, token, leaseMs },
              progress: progress.optional(),
              log: z.array(logLine).max(1000).optional(),
            }),
          )
          .max(1000),
      }),
      result: z.strictObject({ answers: z.array(z.enum(["held", "cancelled", "lost"])) }),
      handle: async ({ jobs }) => {
        const updates = jobs.map(({ leaseMs = LEASE_MS, ...rest }) => ({ leaseMs, ...rest }) as JobUpdate);
        return { answers: await queue.update(updates) };
      },
    }),
    "worker.complete": method({
      summary: "Ends a job with its result.",
      params: z.strictObject({ id, token, result: z.unknown().optional() }),
      result: z.strictObject({ id }),
      handle: async ({ id, token, result }) => {
        await queue.complete({ id, token }, result ?? null);
        return { id };
      },
    }),
    "worker.fail": method({
      summary: "Ends an attempt; says what becomes of the job.",
      params: z.strictObject({ id, token, error: failure }),
      result: z.strictObject({ status }),
      handle: async ({ id, token, error }) => {
        const { code, message, details, permanent } = error;
        const extra = { ...(details ? { details } : {}), ...(permanent ? { permanent } : {}) };
        return { status: await queue.fail({ id, token }, { code, message, ...extra }) };
      },
    }),
    "worker.release": method({
      summary: "Gives a job back as if it had not been started.",
      params: z.strictObject({ id, token }),
      result: z.strictObject({ id }),
      handle: async ({ id, token }) => {
        await queue.release({ id, token });
        return { id };
      },
    }),
    "worker.list": method({
      summary: "Who takes jobs, in the whole cluster.",
      params: z.strictObject({}),
      result: z.strictObject({
        workers: z.array(
          z.strictObject({
            ...{
              name: z.string(),
              types: z.array(z.string()),
              concurrency: z.int(),
              running: z.int(),
              seenAt: z.number(),
            },
          }),
        ),
      }),
      handle: async () => ({
        workers: (await queue.workers()).map((info) => ({ ...info, types: [...info.types] })),
      }),
    }),
  };
}

/** A worker in another process calls as itself. */
function shown({ caller: _, ...job }: ClaimedJob) {
  return job;
}

/** Claims again whenever the queue tells of jobs, and now and then, until there are some or the time is over. */
async function claimWithin<T>(
  queue: JobQueue,
  types: readonly string[],
  claim: () => Promise<T[]>,
  over: AbortSignal,
): Promise<T[]> {
  let wake = (): void => undefined;
  using _ = queue.subscribe((signal) => {
    if (signal.kind === "ready" && types.includes(signal.type)) wake();
  });
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, POLL_MAX_MS)) {
    const told = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const jobs = await claim();
    if (jobs.length > 0 || over.aborted) return jobs;
    const timer = setTimeout(wake, pause);
    over.addEventListener("abort", wake, { once: true });
    await told;
    clearTimeout(timer);
    over.removeEventListener("abort", wake);
  }
}
