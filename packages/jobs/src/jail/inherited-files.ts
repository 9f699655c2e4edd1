import { readdirSync, readFileSync } from "node:fs";

const CLOEXEC = 0o2000000;

/**
 * Descriptors, beyond those of input and output, that this process got from the one that started it, and that its own
 * children would get: Node closes those below 16 for them, and none above a gap.
 */
export function inheritedFiles(): number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => fd > 2 && isInherited(fd));
}

function isInherited(fd: number): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOEXEC) === 0;
  } catch {
    // The one by which the folder was read.
    return false;
  }
}
