import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { storageErrors } from "../../errors.js";

const ATTEMPTS = 5;

/** Whose a lock is. The start time tells a process from a later one with the same number. */
interface Owner {
  pid: number;
  startTime: string | null;
  token: string;
}

/**
 * Makes sure that one store at a time works on a directory: LMDB could share it, blobs and the change log could
 * not. The lock names its process, so that one left by a process that was killed is taken over at once.
 */
export class DirectoryLock {
  private constructor(
    private readonly path: string,
    private readonly token: string,
  ) {}

  /** @throws AspenError `STORE_UNAVAILABLE` when a store that runs has the directory */
  static async acquire(directory: string): Promise<DirectoryLock> {
    const path = join(directory, "lock");
    const owner: Owner = { pid: process.pid, startTime: await startTimeOf(process.pid), token: randomUUID() };
    const own = `${path}.${owner.token}`;
    await writeFile(own, JSON.stringify(owner), { flag: "wx" });
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        // Unlike rename, link fails when there is a lock already.
        if (await linked(own, path)) return new DirectoryLock(path, owner.token);
        const text = await textOf(path);
        if (text === null) continue;
        const other = ownerIn(text);
        if (other && (await isRunning(other))) throw storageErrors.directoryInUse(directory, other.pid);
        await removeStale(path, text, owner.token);
      }
      throw storageErrors.directoryInUse(directory, null);
    } finally {
      await rm(own, { force: true });
    }
  }

  async release(): Promise<void> {
    const text = await textOf(this.path);
    if (text !== null && ownerIn(text)?.token === this.token) await rm(this.path, { force: true });
  }
}

/** Moves the lock away, and back when it turns out to be another one: somebody was faster. */
async function removeStale(path: string, judged: string, token: string): Promise<void> {
  const aside = `${path}.${token}.stale`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if ((await textOf(aside)) !== judged) await linked(aside, path);
  await rm(aside, { force: true });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function ownerIn(text: string): Owner | null {
  try {
    return JSON.parse(text) as Owner;
  } catch {
    // Cut short by a full disk or a power failure: nobody's.
    return null;
  }
}

async function isRunning({ pid, startTime }: Owner): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, under another user.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return startTime === null || startTime === (await startTimeOf(pid));
}

/** In clock ticks since boot (proc_pid_stat(5), field 22); null where there is no such file. */
async function startTimeOf(pid: number): Promise<string | null> {
  const stat = await textOf(`/proc/${pid}/stat`);
  // The second field is a name in parentheses and may hold blanks.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}
