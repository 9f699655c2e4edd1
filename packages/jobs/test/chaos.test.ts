import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { decodeUtf8 } from "@aspen/plugin-api";
import type { Store } from "@aspen/storage";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { type Job, type JobEvent, KvJobQueue } from "../src/index.js";

/** The soak sets more. */
const JOBS = Number(process.env.ASPEN_CHAOS_JOBS ?? 1000);
const PROCESSES = 4;
const SCRIPT = fileURLToPath(new URL("./chaos/run-jobs.mjs", import.meta.url));

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [SCRIPT, ...args], { stdio: ["ignore", "ignore", "inherit"] });
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
}

async function allJobs(queue: KvJobQueue): Promise<Job[]> {
  const jobs: Job[] = [];
  let page = await queue.list({ limit: 1000 });
  for (;;) {
    jobs.push(...page.jobs);
    if (page.cursor === null) return jobs;
    page = await queue.list({ limit: 1000, after: page.cursor });
  }
}

/** Every job is there once, is completed, with a result of its own, and was completed once. */
async function verify(store: Store, queue: KvJobQueue): Promise<void> {
  const jobs = await allJobs(queue);
  expect(jobs.length).toBe(JOBS);
  expect(jobs.filter(({ status }) => status !== "completed")).toEqual([]);
  const payloads = jobs.map(({ payload }) => payload as number).sort((a, b) => a - b);
  expect(payloads).toEqual(Array.from({ length: JOBS }, (_, n) => n));
  for (const { payload, result } of jobs) expect(result).toMatchObject({ payload });
  const completed = new Map<string, number>();
  let after: string | undefined;
  do {
    const prefix = "__jobs:__events:";
    const page = await store.kv.scan({ prefix, limit: 10_000, ...(after === undefined ? {} : { after }) });
    for (const { kind, id } of page.entries.flatMap(({ value }) => JSON.parse(decodeUtf8(value)) as JobEvent[])) {
      if (kind === "job.completed") completed.set(id, (completed.get(id) ?? 0) + 1);
    }
    after = page.cursor;
  } while (after !== undefined);
  expect(completed.size).toBe(JOBS);
  expect([...completed.values()].filter((times) => times !== 1)).toEqual([]);
  const { byStatus } = await queue.stats();
  expect(byStatus.completed).toBe(Math.min(JOBS, 10_000));
}

test("worker processes are killed and connections cut, and every job completes exactly once", async () => {
  await using server = await RedisServer.start();
  await using store = await RedisStore.open({ url: server.url });
  await using queue = new KvJobQueue(store);
  await queue.registerTypes(["chaos"]);
  for (let n = 0; n < JOBS; n += 100) {
    const part = Array.from({ length: Math.min(100, JOBS - n) }, (_, index) => n + index);
    await Promise.all(part.map((payload) => queue.submit({ type: "chaos", payload, maxStalls: 100 })));
  }
  const admin = new Redis(server.url);
  let children = Array.from({ length: PROCESSES }, () => start(server.url));
  let kills = 0;
  try {
    for (;;) {
      const { byStatus } = await queue.stats();
      if (byStatus.completed >= Math.min(JOBS, 10_000) && byStatus.running + byStatus.pending === 0) break;
      await delay(300);
      // One that ended by itself would be missed by the others.
      expect(children.filter(({ exitCode }) => exitCode !== null)).toEqual([]);
      // At least three, and no more than let the work go on.
      if (byStatus.running > 0 && kills * (JOBS / 5) <= byStatus.completed) {
        kills += 1;
        await kill(children.shift()!);
        children = [...children, start(server.url)];
        if (kills % 2 === 0) await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      }
    }
    expect(kills).toBeGreaterThan(2);
    await verify(store, queue);
  } finally {
    admin.disconnect();
    await Promise.all(children.map(kill));
  }
});

test("a node with an embedded store is killed, and every job completes exactly once", async () => {
  const directory = await mkdtemp(join(tmpdir(), "aspen-chaos-"));
  try {
    for (let kills = 0; ; kills++) {
      const child = start(directory, String(JOBS));
      const closed = once(child, "close");
      // Later each time, so that it is done some time.
      const killed = kills < 4 ? delay(1500 + kills * 500).then(() => kill(child)) : closed;
      await Promise.all([closed, killed]);
      if (child.exitCode === 0) break;
      expect(child.signalCode).toBe("SIGKILL");
    }
    await using store = await EmbeddedStore.open({ directory });
    await using queue = new KvJobQueue(store);
    await verify(store, queue);
  } finally {
    await rm(directory, { recursive: true });
  }
});
