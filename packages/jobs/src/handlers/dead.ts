import { type HandlerFactory, type MethodsOf, method, methodsHandlerFactory } from "@aspen/rpc-core";
import { z } from "zod";
import { jobsErrors } from "../errors.js";
import type { Job } from "../job.js";
import type { JobQueue } from "../queue/contract.js";
import { cursor, id, job } from "./schemas.js";

/** Jobs that one call works on. */
const BATCH = 1000;

/** `job.dead.*`: jobs whose attempts are used up. */
export function deadHandler(queue: JobQueue): HandlerFactory {
  return methodsHandlerFactory({ name: "job.dead", priority: 561, methods: () => deadMethods(queue) });
}

/** Params and results of the methods, from the table below. */
export type DeadJobMethods = MethodsOf<ReturnType<typeof deadMethods>>;

declare module "@aspen/rpc-core" {
  interface RpcMethods extends DeadJobMethods {}
}

/** One by its id, or all of a type, or all. */
const which = z.strictObject({ id: id.optional(), type: z.string().optional() });

function deadMethods(queue: JobQueue) {
  return {
    "job.dead.list": method({
      summary: "One page of dead letters; cursor null at the end.",
      params: z.strictObject({ type: z.string().optional(), limit: z.int().optional(), after: cursor }),
      result: z.strictObject({ jobs: z.array(job), cursor: z.string().nullable() }),
      handle: async ({ type, limit, after }) => {
        const filter = { ...(type === undefined ? {} : { type }), ...(limit === undefined ? {} : { limit }) };
        const page = await queue.list({ status: "dead_letter", ...filter, ...(after === undefined ? {} : { after }) });
        return { jobs: [...page.jobs], cursor: page.cursor };
      },
    }),
    "job.dead.get": method({
      summary: "Shows one dead letter, with the failure that made it one.",
      params: z.strictObject({ id }),
      result: job,
      handle: ({ id }) => dead(queue, id),
    }),
    "job.dead.redrive": method({
      summary: "Starts one dead letter anew, or up to 1,000 of them (of a type); more says that there may be others.",
      params: which,
      result: z.strictObject({ redriven: z.number(), more: z.boolean() }),
      handle: async (params) => {
        const { done, more } = await forEachDead(queue, params, (id) => queue.retry(id));
        return { redriven: done, more };
      },
    }),
    "job.dead.purge": method({
      summary: "Forgets one dead letter, or up to 1,000 of them (of a type); more says that there may be others.",
      params: which,
      result: z.strictObject({ purged: z.number(), more: z.boolean() }),
      handle: async (params) => {
        const { done, more } = await forEachDead(queue, params, (id) => queue.remove(id));
        return { purged: done, more };
      },
    }),
  };
}

async function dead(queue: JobQueue, id: string): Promise<Job> {
  const found = await queue.get(id);
  if (!found) throw jobsErrors.notFound(id);
  if (found.status !== "dead_letter") throw jobsErrors.state(id, found.status, "taken for a dead letter");
  return found;
}

async function forEachDead(
  queue: JobQueue,
  { id, type }: { id?: string | undefined; type?: string | undefined },
  act: (id: string) => Promise<unknown>,
): Promise<{ done: number; more: boolean }> {
  if (id !== undefined) {
    await dead(queue, id);
    await act(id);
    return { done: 1, more: false };
  }
  const page = await queue.list({ status: "dead_letter", limit: BATCH, ...(type === undefined ? {} : { type }) });
  for (const { id } of page.jobs) await act(id);
  return { done: page.jobs.length, more: page.cursor !== null };
}
