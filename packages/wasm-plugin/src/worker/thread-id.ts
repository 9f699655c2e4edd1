import { readlinkSync } from "node:fs";

/**
 * The system's number for the calling thread. It is null where threads have no priority of their own, which is
 * everywhere but on Linux, and where `/proc` belongs to other processes.
 */
export function ownThreadId(): number | null {
  if (process.platform !== "linux") return null;
  try {
    const [pid, , thread] = readlinkSync("/proc/thread-self").split("/");
    return Number(pid) === process.pid ? Number(thread) : null;
  } catch {
    return null;
  }
}
