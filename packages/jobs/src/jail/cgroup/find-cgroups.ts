import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CgroupTree } from "./contract.js";
import { type CgroupMount, cgroupMounts, ownFolder } from "./mounts.js";
import { CgroupV1 } from "./v1.js";
import { CgroupV2 } from "./v2.js";

const NEEDED = ["memory", "pids", "cpu"] as const;
const PROBE_LIMITS = { memoryMiB: 64, processes: 16, cpus: 1 };

/** The control groups that this process may make, found out by making one; or why it may not, the end of a sentence. */
export async function findCgroups(probeName: string): Promise<{ tree: CgroupTree } | { tree: null; why: string }> {
  let why = "there are none";
  try {
    const mounts = cgroupMounts(await readFile("/proc/self/mountinfo", "utf8"));
    const own = await readFile("/proc/self/cgroup", "utf8");
    for await (const tree of candidates(mounts, own)) {
      try {
        const group = await tree.create(probeName, PROBE_LIMITS);
        await group.remove();
        return { tree };
      } catch (error) {
        why = `those of version ${tree.version} cannot be written: ${(error as NodeJS.ErrnoException).code}`;
      }
    }
  } catch (error) {
    why = `they cannot be read: ${(error as NodeJS.ErrnoException).code}`;
  }
  return { tree: null, why };
}

async function* candidates(mounts: readonly CgroupMount[], own: string): AsyncGenerator<CgroupTree> {
  const [memory, pids, cpu] = NEEDED.map((controller) => ownFolder(mounts, own, controller));
  if (memory && pids && cpu) yield new CgroupV1({ memory, pids, cpu });
  const unified = ownFolder(mounts, own, null);
  if (!unified) return;
  // A group that has processes may not have groups below it with controllers; so the node's neighbours come next.
  for (const folder of new Set([unified, dirname(unified)])) {
    if (await hasControllers(folder)) yield new CgroupV2(folder);
  }
}

/** Turns on what is not on, where it may. */
async function hasControllers(folder: string): Promise<boolean> {
  const file = join(folder, "cgroup.subtree_control");
  const on = async () => {
    const words = (await readFile(file, "utf8")).split(/\s+/);
    return NEEDED.every((controller) => words.includes(controller));
  };
  try {
    if (await on()) return true;
    await writeFile(file, NEEDED.map((controller) => `+${controller}`).join(" "));
    return await on();
  } catch {
    // Not there, not ours, or with processes in it.
    return false;
  }
}
