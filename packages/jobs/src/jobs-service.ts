import type { HealthCheck, Service } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import { EndTeller } from "./ends/end-teller.js";
import type { JobQueue } from "./queue/contract.js";
import type { QueueCounts } from "./queue/queue-counts.js";
import type { JobSchedules } from "./schedules/job-schedules.js";
import type { ScheduleRunning } from "./schedules/schedule-runner.js";
import type { WorkerPool } from "./worker-pool.js";

/** Runs the pool and the schedules of a node, and tells plugins of their jobs, for as long as the node. */
export class JobsService implements Service {
  readonly name = "jobs";
  #schedules: ScheduleRunning | null = null;
  #teller: EndTeller | null = null;

  constructor(
    private readonly queue: JobQueue,
    private readonly pool: WorkerPool,
    private readonly counts: QueueCounts,
    private readonly schedules: JobSchedules,
    private readonly kv: KeyValueStore,
    private readonly logger: Logger,
  ) {}

  async start(): Promise<void> {
    await this.pool.start();
    this.counts.start();
    this.#teller = new EndTeller({ queue: this.queue, kv: this.kv, logger: this.logger });
    const onError = (error: unknown) => this.logger.warn({ error }, "a schedule of jobs could not go on");
    this.#schedules = this.schedules.run({ owner: this.pool.name, onError });
  }

  async drain(signal?: AbortSignal): Promise<void> {
    // Another node has the ticks from now on.
    await Promise.all([this.#schedules?.[Symbol.asyncDispose](), this.pool.drain(signal)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#schedules?.[Symbol.asyncDispose]();
    await this.counts[Symbol.asyncDispose]();
    await this.pool[Symbol.asyncDispose]();
    await this.#teller?.[Symbol.asyncDispose]();
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
