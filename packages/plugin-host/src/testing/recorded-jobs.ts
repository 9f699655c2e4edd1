import type { JobSubmitOptions, JobsPort } from "@aspen/feature";
import type { Caller } from "@aspen/rpc-core";

export interface RecordedJob {
  plugin: string;
  request: Record<string, unknown>;
  caller: Caller;
  options: JobSubmitOptions;
  reason?: string | undefined;
}

/** Stands for the feature `jobs`, which is beside this package: keeps what plugins submit, and never runs it. */
export class RecordedJobs implements JobsPort {
  readonly submitted: RecordedJob[] = [];

  async submit(
    caller: Caller,
    request: Record<string, unknown>,
    options: JobSubmitOptions = {},
  ): Promise<{ id: string; created: boolean }> {
    this.submitted.push({ plugin: caller.id, request, caller, options });
    return { id: String(this.submitted.length - 1), created: true };
  }

  async get(plugin: string, type: string, id: string): Promise<object | null> {
    const job = this.submitted[Number(id)];
    return job?.plugin === plugin && job.request.type === type ? { id, ...job.request } : null;
  }

  async cancel(_plugin: string, _type: string, id: string, reason?: string): Promise<object> {
    this.submitted[Number(id)]!.reason = reason;
    return { id, status: "cancelled" };
  }
}
