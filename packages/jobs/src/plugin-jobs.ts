import { given, type JobSubmitOptions, type JobsPort } from "@aspen/feature";
import { LIMITS } from "@aspen/plugin-api";
import type { Caller } from "@aspen/rpc-core";
import { jobsErrors } from "./errors.js";
import { submitParams } from "./handlers/schemas.js";
import type { Job, JobRequest } from "./job.js";
import { submitterOf } from "./job-caller.js";
import { assertJobId, JOB_LIMITS } from "./options.js";
import type { WorkerTable } from "./pool/worker-table.js";
import type { JobQueue } from "./queue/contract.js";

/** Of an idempotency key: with the longest submitter before it, it is one of the queue's. */
const KEY_CHARACTERS = JOB_LIMITS.idempotencyKeyCharacters - nameOf("x".repeat(LIMITS.pluginNameBytes)).length - 1;

/**
 * The jobs of plugins. A plugin's jobs are one group, so that plugins take turns; their idempotency keys are its own, and
 * it reaches those alone.
 */
export class PluginJobs implements JobsPort {
  constructor(
    private readonly queue: JobQueue,
    private readonly workers: Pick<WorkerTable, "checkPayload">,
  ) {}

  async submit(
    caller: Caller,
    asked: Record<string, unknown>,
    { chain }: JobSubmitOptions = {},
  ): Promise<{ id: string; created: boolean }> {
    const { id: plugin } = caller;
    const request = parsed(asked);
    const { type, payload = null, idempotencyKey, dependsOn = [] } = request;
    for (const id of dependsOn) {
      if (!(await this.#own(plugin, id))) throw jobsErrors.notFound(id);
    }
    await this.workers.checkPayload(type, payload);
    const submitter = submitterOf(caller);
    if (idempotencyKey !== undefined && (idempotencyKey === "" || idempotencyKey.length > KEY_CHARACTERS)) {
      throw jobsErrors.invalid("idempotencyKey", `must be text of 1 to ${KEY_CHARACTERS} characters`);
    }
    return this.queue.submit({
      ...{ ...request, submitter, caller, group: plugin },
      ...given({
        idempotencyKey: idempotencyKey && `${submitter}:${idempotencyKey}`,
        tell: chain && { plugin, chain },
      }),
    } as JobRequest);
  }

  async get(plugin: string, type: string, id: string): Promise<Job | null> {
    const job = await this.#own(plugin, id);
    return job?.type === type ? job : null;
  }

  async cancel(plugin: string, type: string, id: string, reason?: string): Promise<Job> {
    if (!(await this.get(plugin, type, id))) throw jobsErrors.notFound(id);
    return this.queue.cancel(id, reason);
  }

  async #own(plugin: string, id: string): Promise<Job | null> {
    assertJobId("id", id);
    const job = await this.queue.get(id);
    return job?.submitter === nameOf(plugin) ? job : null;
  }
}

/** @throws AspenError `INVALID_PARAMS` */
function parsed(request: Record<string, unknown>): JobRequest {
  const { data, error } = submitParams.safeParse(request);
  if (data) return given(data) as JobRequest;
  const [issue] = error.issues;
  throw jobsErrors.invalid(issue?.path.join(".") || "job", `cannot be used: ${issue?.message}`);
}

function nameOf(plugin: string): string {
  return submitterOf({ kind: "plugin", id: plugin });
}
