import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "@jest/globals";
import type { Job, JobQueue } from "../../src/index.js";

/** Starts a script of this folder. */
export function start(name: string, ...args: string[]): ChildProcess {
  const script = fileURLToPath(new URL(name, import.meta.url));
  return spawn(process.execPath, [script, ...args], { stdio: ["ignore", "ignore", "inherit"] });
}

export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
}

export async function allJobs(queue: JobQueue): Promise<Job[]> {
  const jobs: Job[] = [];
  let page = await queue.list({ limit: 1000 });
  for (;;) {
    jobs.push(...page.jobs);
    if (page.cursor === null) return jobs;
    page = await queue.list({ limit: 1000, after: page.cursor });
  }
}

export interface Waves {
  /** How many jobs are submitted at least. */
  jobs: number;
  /** How many jobs one wave has. */
  wave: number;
  /** How many processes run them. */
  processes: number;
  /** Starts one of them. */
  process(): ChildProcess;
  /** Cuts the connections of them all. */
  cut(): Promise<unknown>;
  /** Is called when the jobs of a wave are done. */
  done?(): Promise<void>;
}

/**
 * Submits jobs wave by wave, kills a process in each, and cuts all connections in every second one. There are more waves
 * than asked for, until three have hit a job that ran: a fast machine may be done with a wave before its kill.
 * @returns how many jobs were submitted, with the payloads 0, 1, 2, …
 */
export async function submitUnderKills(queue: JobQueue, options: Waves): Promise<number> {
  const children = Array.from({ length: options.processes }, options.process);
  let submitted = 0;
  let hits = 0;
  try {
    for (let wave = 1; submitted < options.jobs || hits < 3; wave++) {
      const payloads = Array.from({ length: options.wave }, (_, n) => submitted + n);
      const ids = await Promise.all(
        payloads.map(async (payload) => (await queue.submit({ type: "chaos", payload, maxStalls: 100 })).id),
      );
      submitted += ids.length;
      let { running, left } = await state(queue);
      for (; running === 0 && left > 0; { running, left } = await state(queue)) await delay(10);
      await kill(children.shift()!);
      children.push(options.process());
      if (wave % 2 === 0) await options.cut();
      for (; left > 0; { left } = await state(queue)) {
        await delay(50);
        // One that ended by itself would be missed by the others.
        expect(children.filter(({ exitCode }) => exitCode !== null)).toEqual([]);
      }
      const jobs = await Promise.all(ids.map((id) => queue.get(id)));
      if (jobs.some((job) => job!.attempts > 1)) hits += 1;
      await options.done?.();
    }
    return submitted;
  } finally {
    await Promise.all(children.map(kill));
  }
}

async function state(queue: JobQueue): Promise<{ running: number; left: number }> {
  const { running, pending, scheduled, retrying } = (await queue.stats()).byStatus;
  return { running, left: running + pending + scheduled + retrying };
}
