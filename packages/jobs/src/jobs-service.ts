import type { HealthCheck, Service } from "@aspen/feature";
import type { JobQueue } from "./queue/contract.js";
import type { QueueCounts } from "./queue/queue-counts.js";
import type { WorkerPool } from "./worker-pool.js";

/** Runs the pool of a node for as long as the node. */
export class JobsService implements Service {
  readonly name = "jobs";

  constructor(
    private readonly queue: JobQueue,
    private readonly pool: WorkerPool,
    private readonly counts: QueueCounts,
  ) {}

  async start(): Promise<void> {
    await this.pool.start();
    this.counts.start();
  }

  drain(signal?: AbortSignal): Promise<void> {
    return this.pool.drain(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.counts[Symbol.asyncDispose]();
    await this.pool[Symbol.asyncDispose]();
    await this.queue[Symbol.asyncDispose]();
  }
}

/** A node whose pool takes no jobs is degraded. */
export function jobsHealth(pool: WorkerPool): HealthCheck {
  return {
    name: "jobs",
    check: async () => {
      const why = pool.idleBecause;
      return why === null ? { state: "healthy" } : { state: "degraded", message: `no jobs are taken: ${why}` };
    },
  };
}
