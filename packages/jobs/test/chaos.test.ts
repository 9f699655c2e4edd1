import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { decodeUtf8 } from "@aspen/plugin-api";
import type { Store } from "@aspen/storage";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { type JobEvent, KvJobQueue } from "../src/index.js";
import { allJobs, kill, start, submitUnderKills } from "./chaos/waves.js";

/** The soak sets more. */
const JOBS = Number(process.env.ASPEN_CHAOS_JOBS ?? 1000);
/** Every job is there once, is completed, with a result of its own, and was completed once. */
async function verify(store: Store, queue: KvJobQueue, submitted: number): Promise<void> {
  const jobs = await allJobs(queue);
  expect(jobs.length).toBe(submitted);
  expect(jobs.filter(({ status }) => status !== "completed")).toEqual([]);
  const payloads = jobs.map(({ payload }) => payload as number).sort((a, b) => a - b);
  expect(payloads).toEqual(Array.from({ length: submitted }, (_, n) => n));
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
  expect(completed.size).toBe(submitted);
  expect([...completed.values()].filter((times) => times !== 1)).toEqual([]);
  const { byStatus } = await queue.stats();
  expect(byStatus.completed).toBe(Math.min(submitted, 10_000));
}

test("worker processes are killed and connections cut, and every job completes exactly once", async () => {
  await using server = await RedisServer.start();
  await using store = await RedisStore.open({ url: server.url });
  await using queue = new KvJobQueue(store);
  await queue.registerTypes(["chaos"]);
  const admin = new Redis(server.url);
  try {
    const submitted = await submitUnderKills(queue, {
      ...{ jobs: JOBS, wave: 200, processes: 4 },
      process: () => start("run-jobs.mjs", server.url),
      cut: () => admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
    });
    await verify(store, queue, submitted);
  } finally {
    admin.disconnect();
  }
});

test("a node with an embedded store is killed, and every job completes exactly once", async () => {
  const directory = await mkdtemp(join(tmpdir(), "aspen-chaos-"));
  try {
    for (let kills = 0; ; kills++) {
      const child = start("run-jobs.mjs", directory, String(JOBS));
      const closed = once(child, "close");
      // Later each time, so that it is done some time.
      const killed = kills < 4 ? delay(1500 + kills * 500).then(() => kill(child)) : closed;
      await Promise.all([closed, killed]);
      if (child.exitCode === 0) break;
      expect(child.signalCode).toBe("SIGKILL");
    }
    await using store = await EmbeddedStore.open({ directory });
    await using queue = new KvJobQueue(store);
    await verify(store, queue, JOBS);
  } finally {
    await rm(directory, { recursive: true });
  }
});
