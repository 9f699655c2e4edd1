import { readFile, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";

/** What keeps a pool from taking jobs. */
export interface PressureOptions {
  /** Most percent of the last ten seconds in which something waited for a processor; Linux only. @default 100: never */
  maxCpuPercent?: number;
  /** The same for memory. @default 50 */
  maxMemoryPercent?: number;
  /** Least percent of the disk with the temporary files that has to be free. @default 3 */
  minDiskPercent?: number;
}

/**
 * Why this machine should take no more work, the end of a sentence; null: it may. Pressure is that of Linux
 * (https://docs.kernel.org/accounting/psi.html); a system that does not tell it has none.
 */
export async function pressure(options: PressureOptions): Promise<string | null> {
  const { maxCpuPercent = 100, maxMemoryPercent = 50, minDiskPercent = 3 } = options;
  const [cpu, memory, disk] = await Promise.all([stalledPercent("cpu"), stalledPercent("memory"), freeDiskPercent()]);
  if (cpu > maxCpuPercent) return `processes wait for a processor ${cpu} % of the time`;
  if (memory > maxMemoryPercent) return `processes wait for memory ${memory} % of the time`;
  if (disk < minDiskPercent) return `only ${disk.toFixed(1)} % of ${tmpdir()} is free`;
  return null;
}

async function stalledPercent(what: "cpu" | "memory"): Promise<number> {
  try {
    const text = await readFile(`/proc/pressure/${what}`, "utf8");
    return Number(/^some avg10=([\d.]+)/.exec(text)?.[1] ?? 0);
  } catch {
    // No Linux, an old one, or one that was told not to measure it.
    return 0;
  }
}

async function freeDiskPercent(): Promise<number> {
  const { bavail, blocks } = await statfs(tmpdir());
  return blocks === 0 ? 100 : (100 * bavail) / blocks;
}
