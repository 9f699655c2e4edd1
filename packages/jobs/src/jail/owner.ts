import { readFileSync, readlinkSync } from "node:fs";
import { readdir } from "node:fs/promises";

/** What a process makes for its jobs has this name, by which a later one finds what it left when it was killed. */
export const OWNED = /^aspen-jobs-(\d+)-(\d+)-(\d+)-[A-Za-z0-9]+$/;

/** `aspen-jobs-<pid namespace>-<pid>-<start of the process>-`: no other process ever has it while the machine runs. */
export function ownedPrefix(): string {
  const { pid } = process;
  return `aspen-jobs-${pidNamespace()}-${pid}-${startOf(pid)}-`;
}

/** Names in a folder that processes of this pid namespace left behind: those of other namespaces cannot be judged. */
export async function leftIn(folder: string): Promise<string[]> {
  const namespace = pidNamespace();
  return (await readdir(folder)).filter((name) => {
    const [, theirs, pid, start] = OWNED.exec(name) ?? [];
    return theirs === namespace && startOf(Number(pid)) !== start;
  });
}

/** "0" where there is no /proc: no jail can be made there either. */
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
