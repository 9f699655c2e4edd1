import type { OutputOf, StandardSchema } from "@aspen/rpc-core";
import type { RunnableJob } from "../../job.js";
import type { JobContext } from "../../worker.js";

/** Jobs of one type, run by a function of this process. */
export interface FunctionJob {
  readonly type: string;
  /** Any Standard Schema (zod, valibot, arktype) of the payload. @default none: any payload */
  readonly payload?: StandardSchema;
  /** What it returns is the result, anything that JSON holds. */
  run(job: RunnableJob, context: JobContext): unknown;
}

export interface DefineJobOptions<Payload extends StandardSchema> {
  readonly type: string;
  readonly payload: Payload;
  run(job: Omit<RunnableJob, "payload"> & { readonly payload: OutputOf<Payload> }, context: JobContext): unknown;
}

/** A {@link FunctionJob} whose payload has the type that its schema gives. */
export function defineJob<Payload extends StandardSchema>(options: DefineJobOptions<Payload>): FunctionJob {
  return options as FunctionJob;
}
