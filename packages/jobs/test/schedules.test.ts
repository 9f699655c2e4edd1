import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "@aspen/storage";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { MemoryStore } from "@aspen/storage/memory";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  FunctionWorker,
  JobSchedules,
  KvJobQueue,
  type RunSchedulesOptions,
  type ScheduleRequest,
  type ScheduleRunning,
} from "../src/index.js";
import { poolOf, until } from "./helpers.js";

const START = Date.UTC(2026, 0, 1);
let server: RedisServer;
let directory: string;
beforeAll(async () => {
  server = await RedisServer.start();
  directory = await mkdtemp(join(tmpdir(), "aspen-schedules-"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Opens the store as three nodes have it. */
const STORES: Record<string, () => Promise<Store[]>> = {
  memory: async () => shared(new MemoryStore()),
  embedded: async () => shared(await EmbeddedStore.open({ directory })),
  redis: () => Promise.all(Array.from({ length: 3 }, () => RedisStore.open({ url: server.url }))),
};
const shared = (store: Store): Store[] => [store, store, store];
let namespaces = 0;

const EACH_SECOND: ScheduleRequest = {
  name: "tick",
  cron: "* * * * * *",
  catchUp: "all",
  overlap: "allow",
  job: { type: "work", payload: { a: 1 }, group: "g", attempts: 3 },
};

/** Three nodes with a clock that the test turns on, and a queue that runs nothing. */
async function nodes(open: () => Promise<Store[]> = STORES.memory!) {
  const stores = await open();
  namespaces += 1;
  const clock = { time: START, now: () => clock.time };
  const options = { namespace: `schedules-${process.pid}-${namespaces}:`, clock };
  const queues = stores.map((store) => new KvJobQueue(store, options));
  await queues[0]!.registerTypes(["work"]);
  const schedules = queues.map((queue) => new JobSchedules(queue));
  const errors: unknown[] = [];
  const running: ScheduleRunning[] = [];
  const first = { store: stores[0]!, queue: queues[0]!, schedules: schedules[0]! };
  return {
    ...first,
    ...{ stores, queues, all: schedules, clock, errors, running, options },
    start(node = 0, more: Partial<RunSchedulesOptions> = {}) {
      const run = schedules[node]!.run({
        ...{ onError: (error: unknown) => errors.push(error), checkMs: 5, retryMs: 5, leaseTtlMs: 600_000 },
        ...more,
      });
      running.push(run);
      return run;
    },
    /** Ticks that jobs were created for, in seconds since the start. */
    async ticks() {
      const { jobs } = await first.queue.list({ limit: 1000 });
      return jobs.map(({ schedule }) => (schedule!.scheduledAt - START) / 1000).sort((a, b) => a - b);
    },
    /** Lets time pass, until the tick of its end is done. */
    async pass(ms: number, name = "tick") {
      clock.time += ms;
      const { kv } = first.store;
      const key = `${options.namespace}schedules/last/${name}`;
      const at = async () => {
        const entry = await kv.get(key);
        return entry && (JSON.parse(Buffer.from(entry.value).toString()) as { at: number }).at;
      };
      await until(async () => (await at()) === clock.time);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((run) => run[Symbol.asyncDispose]()));
      await Promise.all(queues.map((queue) => queue[Symbol.asyncDispose]()));
      await Promise.all([...new Set(stores)].map((store) => store[Symbol.asyncDispose]()));
    },
  };
}

describe.each(Object.entries(STORES))("schedules on %s", (_name, open) => {
  test("of three nodes one fires each tick, and each tick makes one new job", async () => {
    await using it = await nodes(open);
    // They run before there is a schedule, and hear of it.
    for (const node of [0, 1, 2]) it.start(node);
    const made = await it.all[1]!.create(EACH_SECOND);
    expect(made).toMatchObject({ status: "active", nextAt: START + 1000, last: null, skipped: 0 });
    for (let second = 1; second <= 5; second++) await it.pass(1000);
    expect(await it.ticks()).toEqual([1, 2, 3, 4, 5]);
    const { jobs } = await it.queue.list();
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(5);
    const newest = jobs.find(({ schedule }) => schedule?.scheduledAt === START + 5000)!;
    expect(newest).toMatchObject({ type: "work", payload: { a: 1 }, group: "g", maxAttempts: 3, status: "pending" });
    expect(newest.schedule).toEqual({ name: "tick", scheduledAt: START + 5000 });
    expect(await it.schedules.get("tick")).toMatchObject({
      last: { scheduledAt: START + 5000, jobId: newest.id },
      nextAt: START + 6000,
    });
    expect(it.running.filter(({ holding }) => holding).length).toBe(1);
    expect(it.errors).toEqual([]);
  });

  test("a schedule outlives its nodes; what came meanwhile is made up for or skipped as asked", async () => {
    await using it = await nodes(open);
    await it.schedules.create(EACH_SECOND);
    const job = { type: "work" };
    await it.schedules.create({ name: "one", everyMs: 1000, catchUp: "one", job });
    await it.schedules.create({ name: "skip", everyMs: 1000, catchUp: "skip", graceMs: 0, job });
    it.start(0);
    await it.pass(1000);
    for (const name of ["one", "skip"]) await until(async () => (await it.schedules.get(name))!.last !== null);
    const { jobs } = await it.queue.list();
    for (const { id } of jobs) await it.queue.cancel(id);
    await it.running[0]![Symbol.asyncDispose]();
    it.clock.time += 10_500;
    it.start(1);
    const at = START + 11_000;
    await until(async () => (await it.schedules.get("tick"))!.last!.scheduledAt === at);
    await until(async () => (await it.schedules.get("one"))!.last!.scheduledAt === at);
    await until(async () => (await it.schedules.get("skip"))!.nextAt === at + 1000);
    const after = (await it.queue.list()).jobs.filter(({ status }) => status === "pending");
    const of = (name: string) => after.filter(({ schedule }) => schedule!.name === name).length;
    expect({ tick: of("tick"), one: of("one"), skip: of("skip") }).toEqual({ tick: 10, one: 1, skip: 0 });
    expect(it.errors).toEqual([]);
  });
});

describe("schedules", () => {
  test("while the job before is not finished, a tick is skipped and counted", async () => {
    await using it = await nodes();
    await it.schedules.create({ ...EACH_SECOND, catchUp: "one", overlap: "skip" });
    it.start();
    for (let second = 1; second <= 3; second++) await it.pass(1000);
    expect(await it.ticks()).toEqual([1]);
    const { last, skipped } = (await it.schedules.get("tick"))!;
    expect(skipped).toBe(2);
    await it.queue.cancel(last!.jobId);
    await it.pass(1000);
    expect(await it.ticks()).toEqual([1, 4]);
  });

  test("a crontab follows its time zone over the change of the clocks", async () => {
    await using it = await nodes();
    it.clock.time = Date.UTC(2026, 2, 28, 12);
    await it.schedules.create({
      name: "nightly",
      cron: "30 3 * * *",
      timeZone: "Europe/Berlin",
      job: { type: "work" },
    });
    it.start();
    const runs: string[] = [];
    for (let day = 0; day < 3; day++) {
      const { nextAt } = (await it.schedules.get("nightly"))!;
      it.clock.time = nextAt!;
      await until(async () => (await it.schedules.get("nightly"))!.nextAt! > nextAt!);
      runs.push(new Date(nextAt!).toISOString());
    }
    expect(runs).toEqual(["2026-03-29T01:30:00.000Z", "2026-03-30T01:30:00.000Z", "2026-03-31T01:30:00.000Z"]);
  });

  test("it is paused, resumed, changed and removed while it runs", async () => {
    await using it = await nodes();
    it.start();
    await it.schedules.create({ ...EACH_SECOND, name: "mark" });
    await it.schedules.create(EACH_SECOND);
    await it.pass(1000);
    expect(await it.schedules.pause("tick")).toMatchObject({ status: "paused", nextAt: null });
    await it.pass(3000, "mark");
    expect(await it.schedules.resume("tick")).toMatchObject({ status: "active", nextAt: START + 5000 });
    await it.pass(1000);
    const changed = await it.schedules.update("tick", { everyMs: 2000, job: { type: "work", payload: "new" } });
    expect(changed).toMatchObject({ everyMs: 2000, nextAt: START + 7000, last: { scheduledAt: START + 5000 } });
    expect(changed.cron).toBeUndefined();
    await it.pass(2000);
    const ours = (await it.queue.list()).jobs.filter(({ schedule }) => schedule!.name === "tick");
    expect(ours.map(({ schedule, payload }) => [(schedule!.scheduledAt - START) / 1000, payload]).reverse()).toEqual([
      [1, { a: 1 }],
      [5, { a: 1 }],
      [7, "new"],
    ]);
    await it.schedules.remove("tick");
    await it.pass(4000, "mark");
    expect(await it.schedules.get("tick")).toBeNull();
    // Another of the name knows nothing of what the first did.
    expect(await it.schedules.create(EACH_SECOND)).toMatchObject({ last: null, skipped: 0 });
    expect(it.errors).toEqual([]);
  });

  test("it begins at startAt and ends at endAt", async () => {
    await using it = await nodes();
    it.start();
    await it.schedules.create({ ...EACH_SECOND, name: "mark" });
    const { cron: _cron, ...rest } = EACH_SECOND;
    await it.schedules.create({ ...rest, everyMs: 2000, startAt: START + 2000, endAt: START + 5000 });
    await it.pass(8000, "mark");
    await until(async () => (await it.schedules.get("tick"))!.status === "ended");
    const ours = (await it.queue.list()).jobs.filter(({ schedule }) => schedule!.name === "tick");
    expect(ours.map(({ schedule }) => schedule!.scheduledAt - START).sort()).toEqual([2000, 4000]);
    // It may be changed although its startAt is over by now, and go on.
    const longer = await it.schedules.update("tick", { endAt: null, overlap: "allow" });
    expect(longer).toMatchObject({ status: "active", startAt: START + 2000 });
  });

  test("it is triggered by hand, also while it is paused and a job of it runs", async () => {
    await using it = await nodes();
    await it.schedules.create({ ...EACH_SECOND, catchUp: "one", overlap: "skip" });
    await it.schedules.pause("tick");
    const ids = await Promise.all(it.all.map((schedules) => schedules.trigger("tick")));
    expect(new Set(ids).size).toBe(3);
    expect((await it.queue.list()).jobs.map(({ id }) => id).sort()).toEqual([...ids].sort());
    expect(ids).toContain((await it.schedules.get("tick"))!.last!.jobId);
  });

  test("names are listed in pages", async () => {
    await using it = await nodes();
    const names = ["a", "b:c", "d/e"];
    for (const name of names) await it.schedules.create({ ...EACH_SECOND, name });
    const first = await it.schedules.list({ limit: 2 });
    const second = await it.schedules.list({ limit: 2, after: first.cursor! });
    expect([...first.schedules, ...second.schedules].map(({ name }) => name)).toEqual(names);
    expect(second.cursor).toBeNull();
  });

  test("one that is there is kept, or replaced when that is asked for", async () => {
    await using it = await nodes();
    await it.schedules.create(EACH_SECOND);
    await it.schedules.trigger("tick");
    await expect(it.schedules.create({ ...EACH_SECOND, jitterMs: 5 })).rejects.toMatchObject({
      code: "SCHEDULE_EXISTS",
    });
    expect(await it.schedules.create({ ...EACH_SECOND, jitterMs: 5 }, { replace: true })).toMatchObject({
      jitterMs: 5,
      last: { scheduledAt: START },
    });
  });

  test("bad input is refused with a code, and nothing is stored", async () => {
    await using it = await nodes();
    const { cron: _cron, ...rest } = EACH_SECOND;
    const year = 365 * 86_400_000;
    const bad: [string, Partial<ScheduleRequest> & { cron?: string }][] = [
      ["SCHEDULE_INVALID", { cron: "0 0 31 2 *" }],
      ["SCHEDULE_INVALID", { cron: "0 0 0 1 1 * 2030" }],
      ["SCHEDULE_INVALID", { cron: "* * * *" }],
      ["SCHEDULE_INVALID", { cron: "61 * * * *" }],
      ["SCHEDULE_INVALID", { cron: "* * * * *", timeZone: "Mars/Olympus" }],
      ["SCHEDULE_INVALID", { cron: "0 0 1 7 *", endAt: START + 86_400_000 }],
      ["INVALID_PARAMS", {}],
      ["INVALID_PARAMS", { cron: "* * * * *", everyMs: 1000 }],
      ["INVALID_PARAMS", { everyMs: 1000, timeZone: "UTC" }],
      ["INVALID_PARAMS", { everyMs: -1 }],
      ["INVALID_PARAMS", { everyMs: 1000, jitterMs: -1 }],
      ["INVALID_PARAMS", { everyMs: 1000, graceMs: -1 }],
      ["INVALID_PARAMS", { everyMs: 1000, startAt: START - year }],
      ["INVALID_PARAMS", { everyMs: 1000, endAt: START - 1 }],
      ["INVALID_PARAMS", { everyMs: 1000, startAt: START + year, endAt: START + 1 }],
      ["INVALID_PARAMS", { everyMs: 1000, catchUp: "all", overlap: "skip" }],
      ["INVALID_PARAMS", { everyMs: 1000, name: "no spaces" }],
      ["INVALID_PARAMS", { everyMs: 1000, job: { type: "work", attempts: -1 } }],
      ["INVALID_PARAMS", { everyMs: 1000, job: { type: "work", idempotencyKey: "x" } as never }],
      ["JOB_TYPE_UNKNOWN", { everyMs: 1000, job: { type: "nobody" } }],
      ["PAYLOAD_TOO_LARGE", { everyMs: 1000, job: { type: "work", payload: "x".repeat(61_440) } }],
    ];
    for (const [code, part] of bad) {
      const request = { ...rest, ...part };
      await expect(it.schedules.create(request).catch((error) => error.code)).resolves.toBe(code);
    }
    expect((await it.schedules.list()).schedules).toEqual([]);
    for (const act of ["pause", "resume", "remove", "trigger"] as const) {
      await expect(it.schedules[act]("nobody")).rejects.toMatchObject({ code: "SCHEDULE_NOT_FOUND" });
    }
    await expect(it.schedules.update("nobody", {})).rejects.toMatchObject({ code: "SCHEDULE_NOT_FOUND" });
  });

  test("in real time its jobs run, each once, soon after their ticks", async () => {
    const ran: unknown[] = [];
    const worker = new FunctionWorker([
      {
        type: "real",
        run: ({ id }) => {
          ran.push(id);
        },
      },
    ]);
    // No look of the pool is near: it is told of each job.
    await using it = await poolOf([worker], { pollMs: 3_600_000, maintainMs: 3_600_000 });
    const schedules = new JobSchedules(it.queue);
    const errors: unknown[] = [];
    await using _run = schedules.run({ onError: (error) => errors.push(error) });
    await schedules.create({ name: "real", everyMs: 200, overlap: "allow", job: { type: "real" } });
    await until(() => ran.length >= 3);
    await schedules.remove("real");
    expect(new Set(ran).size).toBe(ran.length);
    expect(errors).toEqual([]);
  });
});
