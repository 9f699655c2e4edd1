import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { JobCgroup } from "./contract.js";

/** Milliseconds that the kernel has to end the processes of a group. */
const EMPTY_MS = 5000;

/** One folder of a group, and what is written into its files. */
export interface GroupFolder {
  readonly folder: string;
  readonly values: Readonly<Record<string, string>>;
  /** Files that not every kernel has. */
  readonly optional?: Readonly<Record<string, string>>;
}

/** Makes a group of folders. `events` is the file that counts, in its line `oom_kill`, what memory ended. */
export async function createGroup(folders: readonly GroupFolder[], events: string): Promise<JobCgroup> {
  const paths = folders.map(({ folder }) => folder);
  const removeAll = async () => {
    await Promise.all(paths.map(removeGroup));
  };
  const made = await Promise.allSettled(folders.map(createFolder));
  const failed = made.find(({ status }) => status === "rejected") as PromiseRejectedResult | undefined;
  if (failed) {
    await removeAll();
    throw failed.reason;
  }
  return {
    folders: paths,
    outOfMemory: async () => /^oom_kill [1-9]/m.test(await readFile(events, "utf8")),
    remove: removeAll,
  };
}

async function createFolder({ folder, values, optional = {} }: GroupFolder): Promise<void> {
  await mkdir(folder);
  for (const [file, value] of Object.entries(values)) await writeFile(join(folder, file), value);
  for (const [file, value] of Object.entries(optional)) await writeIfThere(join(folder, file), value);
}

/** Ends every process of a group, and removes it. @throws what the system says when it still has some after 5 s */
export async function removeGroup(folder: string): Promise<void> {
  const deadline = performance.now() + EMPTY_MS;
  for (;;) {
    try {
      return await rmdir(folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      if (code !== "EBUSY" || performance.now() > deadline) throw error;
    }
    for (const pid of (await readFile(join(folder, "cgroup.procs"), "utf8")).split("\n")) {
      if (/^[1-9]\d*$/.test(pid)) killPid(Number(pid));
    }
    await delay(5);
  }
}

function killPid(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It ended by itself.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function writeIfThere(file: string, value: string): Promise<void> {
  try {
    await writeFile(file, value, { flag: "r+" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
