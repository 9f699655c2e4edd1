import { join } from "node:path";
import { type CgroupLimits, type CgroupTree, JAIL_PROCESSES, type JobCgroup } from "./contract.js";
import { createGroup } from "./group-folders.js";

const PERIOD_US = 100_000;

/** Control groups of version 2, below a folder whose `cgroup.subtree_control` has memory, pids and cpu. */
export class CgroupV2 implements CgroupTree {
  readonly version = 2;

  constructor(private readonly folder: string) {}

  get folders(): readonly string[] {
    return [this.folder];
  }

  create(name: string, { memoryMiB, processes, cpus }: CgroupLimits): Promise<JobCgroup> {
    const folder = join(this.folder, name);
    return createGroup(
      [
        {
          folder,
          values: {
            "memory.max": String(memoryMiB * 1024 * 1024),
            "pids.max": String(processes + JAIL_PROCESSES),
            "cpu.max": `${Math.ceil(cpus * PERIOD_US)} ${PERIOD_US}`,
          },
          // The first is not there without swap.
          optional: { "memory.swap.max": "0", "memory.oom.group": "1" },
        },
      ],
      join(folder, "memory.events"),
    );
  }
}
