import { join } from "node:path";
import { type CgroupLimits, type CgroupTree, JAIL_PROCESSES, type JobCgroup } from "./contract.js";
import { createGroup } from "./group-folders.js";

const PERIOD_US = 100_000;

/** Control groups of version 1, where each controller has a hierarchy of its own. */
export class CgroupV1 implements CgroupTree {
  readonly version = 1;

  constructor(private readonly controllers: { readonly memory: string; readonly pids: string; readonly cpu: string }) {}

  get folders(): readonly string[] {
    return Object.values(this.controllers);
  }

  create(name: string, { memoryMiB, processes, cpus }: CgroupLimits): Promise<JobCgroup> {
    const { memory, pids, cpu } = this.controllers;
    const bytes = String(memoryMiB * 1024 * 1024);
    return createGroup(
      [
        {
          folder: join(memory, name),
          values: { "memory.limit_in_bytes": bytes },
          // Without it, what is over the limit is swapped out. Kernels without swap accounting lack it.
          optional: { "memory.memsw.limit_in_bytes": bytes },
        },
        { folder: join(pids, name), values: { "pids.max": String(processes + JAIL_PROCESSES) } },
        {
          folder: join(cpu, name),
          values: { "cpu.cfs_period_us": String(PERIOD_US), "cpu.cfs_quota_us": String(Math.ceil(cpus * PERIOD_US)) },
        },
      ],
      join(memory, name, "memory.oom_control"),
    );
  }
}
