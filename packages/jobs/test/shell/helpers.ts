import { readdirSync, readFileSync } from "node:fs";
import type { Job } from "../../src/index.js";
import { type ShellPayload, type ShellResult, ShellWorker, type ShellWorkerOptions } from "../../src/index.js";
import { poolOf } from "../helpers.js";

/** A pool with a started shell worker, and what runs a job of it to its end. */
export async function shellPool(options: ShellWorkerOptions = {}) {
  const worker = new ShellWorker(options);
  const it = await poolOf([worker], { graceMs: 100 });
  return {
    ...it,
    worker,
    async run(payload: ShellPayload, timeoutMs = 30_000): Promise<Job & { result: ShellResult }> {
      const { id } = await it.queue.submit({ type: "shell", payload, timeoutMs });
      return (await it.queue.wait(id)) as Job & { result: ShellResult };
    },
    sh(script: string, payload: Partial<ShellPayload> = {}, timeoutMs?: number) {
      return this.run({ command: "sh", args: ["-c", script], ...payload }, timeoutMs);
    },
    [Symbol.asyncDispose]: () => it[Symbol.asyncDispose](),
  };
}

/** Processes of this machine whose arguments or environment, or what these files of /proc say of them, hold a text. */
export function processesWith(text: string, files: readonly string[] = ["cmdline", "environ"]): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => files.some((file) => has(`/proc/${pid}/${file}`, text)));
}

function has(file: string, text: string): boolean {
  try {
    return readFileSync(file, "latin1").includes(text);
  } catch {
    // It ended just now, or is none of ours.
    return false;
  }
}
