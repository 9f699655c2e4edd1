import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * Removes what processes have left that were killed: `name` finds their ids in the names. A process that has taken over
 * the id of a dead one keeps its folder alive.
 */
export async function removeOfDead(folder: string, name: RegExp): Promise<void> {
  for (const found of await readdir(folder)) {
    const pid = Number(name.exec(found)?.[1]);
    if (pid > 0 && pid !== process.pid && !isAlive(pid))
      await rm(join(folder, found), { recursive: true, force: true }).catch(() => undefined);
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
