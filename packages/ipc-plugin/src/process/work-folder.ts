import { readFileSync, readlinkSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { endMarked } from "./marked-processes.js";

/** `aspen-ipc-<pid namespace>-<pid>-<start of the process>-`: no other process ever has it while the machine runs. */
const OWNED = /^aspen-ipc-(\d+)-(\d+)-(\d+)-[A-Za-z0-9]+$/;

/**
 * The private folder of one process of a plugin: its program, its sockets, and what it writes. Nobody else of this machine
 * can look into it (`mkdtemp` makes it with mode 0700).
 */
export async function makeWorkFolder(
  command: string,
  program: Uint8Array,
): Promise<{ folder: string; program: string }> {
  const prefix = `aspen-ipc-${pidNamespace()}-${process.pid}-${startOf(process.pid)}-`;
  const folder = await mkdtemp(join(tmpdir(), prefix));
  const path = join(folder, "plugin", command);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, program, { mode: 0o700 });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return { folder, program: path };
}

/**
 * Ends what nodes left behind that were killed: processes that carry the mark of a folder of theirs, then the folder.
 * Those of other pid namespaces cannot be judged, and are let be.
 */
export async function reapLeftFolders(): Promise<void> {
  const namespace = pidNamespace();
  for (const name of await readdir(tmpdir())) {
    const [, theirs, pid, start] = OWNED.exec(name) ?? [];
    if (theirs !== namespace || startOf(Number(pid)) === start) continue;
    await removeWorkFolder(join(tmpdir(), name));
  }
}

/** Ends the processes that carry its mark, and removes it. */
export async function removeWorkFolder(folder: string): Promise<void> {
  await endMarked(folder);
  // A process that was killed just now may still be writing.
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}

/** "0" where there is no /proc. */
function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
  } catch {
    return "0";
  }
}

/** Ticks from the start of the machine to that of a process; "0" when there is none. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name of the program, in parentheses, may hold anything; the start is the 20th field behind it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "0";
  } catch {
    return "0";
  }
}
