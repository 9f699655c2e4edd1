import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leftIn, ownedPrefix } from "./owner.js";

const REMOVE_MS = 60_000;

/** A folder for the folders of jobs. What killed processes left beside it is removed. */
export async function makeWorkFolder(parent: string = tmpdir()): Promise<string> {
  await mkdir(parent, { recursive: true });
  for (const name of await leftIn(parent)) await removeTree(join(parent, name));
  const folder = await mkdtemp(join(parent, ownedPrefix()));
  // A job's user has to reach its own folder in it, and may not list it.
  await chmod(folder, 0o711);
  return folder;
}

/** Removes what a job left, whose folders may be closed to their owner, or nested deeper than a path can be long. */
export async function removeTree(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch {
    await run("chmod", ["-R", "u+rwx", "--", folder]);
    await run("rm", ["-rf", "--", folder]);
  }
}

async function run(command: string, args: string[]): Promise<void> {
  const child = spawn(command, args, { stdio: "ignore", timeout: REMOVE_MS, killSignal: "SIGKILL" });
  const [code] = await once(child, "close");
  // What chmod could not change, rm says.
  if (code !== 0 && command === "rm") throw new Error(`${args.at(-1)} could not be removed`);
}
