import { readdir, readFile } from "node:fs/promises";

/** Variable of the environment of every process of a plugin, and of what it starts: its work folder. */
export const MARK = "ASPEN_IPC_FOLDER";

/** A process may start another one while it is looked for. */
const ROUNDS = 10;

/**
 * Kills every process that was started with the mark of this folder. The name of a folder is random and its own, so that
 * no other process has it: pids are not trusted, as they are used again. Does nothing where there is no /proc.
 */
export async function endMarked(folder: string): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    const found = await marked(folder);
    if (found.length === 0) return;
    for (const pid of found) kill(pid);
  }
}

async function marked(folder: string): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ((await hasMark(pid, folder)) ? [pid] : [])));
  return found.flat();
}

async function hasMark(pid: number, folder: string): Promise<boolean> {
  // Of another user's process, or of one that has ended meanwhile, it cannot be read.
  const text = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
  return text.split("\0").includes(`${MARK}=${folder}`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
