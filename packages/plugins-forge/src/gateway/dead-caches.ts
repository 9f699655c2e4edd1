import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

const FOLDER = /^aspen-forge-(\d+)-/;

/** Removes the caches of nodes that were killed. A process that has taken over the id of a dead one keeps its folder alive. */
export async function removeDeadCaches(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = Number(FOLDER.exec(name)?.[1]);
    if (pid > 0 && pid !== process.pid && !isAlive(pid))
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
