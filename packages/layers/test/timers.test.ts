import { setTimeout as delay } from "node:timers/promises";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import { type TimerDefinition, Timers, type TimerTick } from "../src/index.js";

const START = Date.UTC(2026, 0, 1);
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};
const fail = (error: unknown): void => {
  throw error;
};

describe("timers", () => {
  test("thousands of them need no more timers of Node than one", async () => {
    await using store = new MemoryStore();
    const clock = { time: START, now: () => clock.time };
    const timers = new Timers(store.kv, { prefix: "t:", clock });
    for (let i = 0; i < 2100; i++) {
      const seconds = 1 + (i % 3);
      await timers.set(`timer-${i}`, { schedule: { everyMs: seconds * 1000 }, scope: i % 2 ? "node" : "cluster" });
    }
    const pending = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = pending();
    const ticks = new Map<string, number>();
    await using run = timers.run(
      async ({ name }) => {
        ticks.set(name, (ticks.get(name) ?? 0) + 1);
      },
      { onError: fail, checkMs: 5 },
    );
    await until(() => run.holding);
    expect(pending() - before).toBeLessThan(20);
    const total = (): number => [...ticks.values()].reduce((sum, count) => sum + count, 0);
    for (let second = 1; second <= 6; second++) {
      clock.time += 1000;
      const expected = 700 * (second + Math.floor(second / 2) + Math.floor(second / 3));
      await until(() => total() >= expected);
      expect(total()).toBe(expected);
    }
    for (let i = 0; i < 2100; i++) expect(ticks.get(`timer-${i}`)).toBe([6, 3, 2][i % 3]);
  });

  test("a tick that is further away than a timer of Node reaches comes in its time", async () => {
    await using store = new MemoryStore();
    const clock = { time: START, now: () => clock.time };
    const timers = new Timers(store.kv, { prefix: "t:", clock });
    const ids: string[] = [];
    const options = { onError: fail, checkMs: 2 ** 31 - 1 };
    const everyMs = 2 ** 32;
    await timers.set("far", { schedule: { everyMs } });
    await timers.set("yearly", { schedule: { cron: "0 0 1 1 *" } });
    const run = timers.run(async ({ id }) => void ids.push(id), options);
    await until(() => run.holding);
    await run[Symbol.asyncDispose]();
    expect(ids).toEqual([]);
    clock.time = START + everyMs;
    await using _again = timers.run(async ({ id }) => void ids.push(id), options);
    await until(() => ids.length === 1);
    expect(ids).toEqual([`far@${new Date(START + everyMs).toISOString()}`]);
  });

  test("jitter moves each timer by a time of its own, the same at each tick", async () => {
    await using store = new MemoryStore();
    const clock = { time: START, now: () => clock.time };
    const timers = new Timers(store.kv, { prefix: "t:", clock });
    const names = Array.from({ length: 20 }, (_, i) => `timer-${i}`);
    for (const name of names) await timers.set(name, { schedule: { cron: "* * * * *" }, jitterMs: 19_000 });
    const calls: { name: string; lateMs: number }[] = [];
    await using _run = timers.run(
      async ({ name, scheduledAt }) => void calls.push({ name, lateMs: clock.time - scheduledAt }),
      { onError: fail, checkMs: 1, concurrency: 1 },
    );
    for (let minute = 1; minute <= 2; minute++) {
      clock.time = START + minute * 60_000;
      for (let second = 0; second < 20; second++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        clock.time += 1000;
      }
      await until(() => calls.length === minute * names.length);
    }
    expect(new Set(calls.map(({ lateMs }) => lateMs)).size).toBeGreaterThan(1);
  });

  test("a handler that does not come back counts as failed, and hears of it", async () => {
    await using store = new MemoryStore();
    const clock = { time: START, now: () => clock.time };
    const timers = new Timers(store.kv, { prefix: "t:", clock });
    await timers.set("a", { schedule: { everyMs: 1000 } });
    const errors: unknown[] = [];
    const attempts: number[] = [];
    await using _run = timers.run(
      async ({ attempt, signal }) => {
        attempts.push(attempt);
        if (attempt === 1) await new Promise((resolve) => signal.addEventListener("abort", resolve));
        if (attempt === 1) await new Promise(() => undefined);
      },
      { onError: (error) => errors.push(error), checkMs: 5, timeoutMs: 50, retryMs: 1 },
    );
    clock.time += 1000;
    await until(() => attempts.length === 2);
    expect(errors).toEqual([expect.objectContaining({ code: "DEADLINE_EXCEEDED" })]);
  });

  test("a run that ends waits for the handler at work, whose tick is recorded", async () => {
    await using store = new MemoryStore();
    const clock = { time: START, now: () => clock.time };
    const timers = new Timers(store.kv, { prefix: "t:", clock });
    await timers.set("a", { schedule: { everyMs: 1000 } });
    const controller = new AbortController();
    let told = false;
    const run = timers.run(
      async ({ signal }) => {
        controller.abort();
        await new Promise((resolve) => setTimeout(resolve, 20));
        told = signal.aborted;
      },
      { onError: fail, checkMs: 5, signal: controller.signal },
    );
    clock.time += 1000;
    await until(() => controller.signal.aborted);
    await run[Symbol.asyncDispose]();
    expect(told).toBe(true);
    expect((await timers.get("a"))?.lastAt).toBe(START + 1000);
    // The lease is free at once.
    expect(await store.kv.get("t:holder")).toBeNull();
  });

  test("a record that is no timer is told of, and the others go on", async () => {
    await using store = new MemoryStore();
    const clock = { time: START, now: () => clock.time };
    const timers = new Timers(store.kv, { prefix: "t:", clock });
    await store.kv.put("t:timer/bad", new TextEncoder().encode("{}"));
    await timers.set("good", { schedule: { everyMs: 1000 } });
    const errors: unknown[] = [];
    const ids: string[] = [];
    const onError = (error: unknown): void => void errors.push(error);
    await using _run = timers.run(async ({ id }) => void ids.push(id), { onError, checkMs: 5 });
    clock.time += 1000;
    await until(() => ids.length === 1);
    expect(errors).toEqual([expect.objectContaining({ code: "INVALID_PARAMS" })]);
  });

  test("each tick has its own attempts, also when all before it failed", async () => {
    await using store = new MemoryStore();
    const clock = { time: START, now: () => clock.time };
    const timers = new Timers(store.kv, { prefix: "t:", clock });
    await timers.set("a", { schedule: { everyMs: 1000 } });
    const calls: string[] = [];
    const handler = async ({ scheduledAt, attempt }: TimerTick): Promise<void> => {
      calls.push(`${(scheduledAt - START) / 1000}/${attempt}`);
      throw new Error("never");
    };
    let failures = 0;
    const onError = (): void => {
      failures += 1;
      // The next tick is due before this one is called again.
      if (failures <= 4) clock.time += 1000;
    };
    await using _run = timers.run(handler, { onError, checkMs: 5, retryMs: 1, attempts: 2 });
    clock.time += 1000;
    await until(() => calls.length === 6);
    expect(calls).toEqual(["1/1", "2/1", "3/1", "4/1", "5/1", "5/2"]);
  });

  test("a tick of the scope node is run once by a node, also when the timer is changed meanwhile", async () => {
    await using store = new MemoryStore();
    const clock = { time: START, now: () => clock.time };
    const timers = new Timers(store.kv, { prefix: "t:", clock });
    const schedule = { everyMs: 1000 };
    const set = (name: string, payload: unknown) => timers.set(name, { schedule, scope: "node", catchUp: 3, payload });
    await set("busy", 1);
    await set("removed", 1);
    await set("waits", 1);
    const calls: string[] = [];
    const payloads: unknown[] = [];
    const handler = async ({ name, payload, scheduledAt }: TimerTick): Promise<void> => {
      calls.push(`${name} ${(scheduledAt - START) / 1000}`);
      payloads.push(payload);
      if (calls.length > 1) return;
      await set("busy", 2);
      await set("waits", 2);
      await timers.remove("removed");
      await delay(50);
    };
    await using _run = timers.run(handler, { onError: fail, checkMs: 5, concurrency: 1 });
    await delay(50);
    clock.time += 2000;
    await until(() => calls.length >= 4);
    await delay(50);
    expect(calls.sort()).toEqual(["busy 1", "busy 2", "waits 1", "waits 2"]);
    expect(payloads).toEqual([1, 2, 2, 2]);
  });

  test("a timer that is paused while its ticks are caught up runs no more of them", async () => {
    await using store = new MemoryStore();
    const clock = { time: START, now: () => clock.time };
    const timers = new Timers(store.kv, { prefix: "t:", clock });
    const schedule = { everyMs: 1000 };
    await timers.set("all", { schedule, scope: "node", catchUp: 5 });
    await timers.set("one", { schedule, scope: "cluster", catchUp: 5 });
    clock.time += 500;
    const calls: string[] = [];
    const handler = async ({ name }: TimerTick): Promise<void> => {
      calls.push(name);
      await timers.pause(name);
      await delay(50);
    };
    await using run = timers.run(handler, { onError: fail, checkMs: 5 });
    await until(() => run.holding);
    await delay(50);
    clock.time += 5000;
    await until(() => calls.length >= 2);
    await delay(100);
    expect(calls.sort()).toEqual(["all", "one"]);
  });

  test("a timer of another scope begins anew", async () => {
    await using store = new MemoryStore();
    const clock = { time: START, now: () => clock.time };
    const timers = new Timers(store.kv, { prefix: "t:", clock });
    const schedule = { everyMs: 1000 };
    await timers.set("a", { schedule });
    const ids: string[] = [];
    await using _run = timers.run(async ({ id }) => void ids.push(id), { onError: fail, checkMs: 5 });
    clock.time += 1000;
    await until(() => ids.length === 1);
    await timers.set("a", { schedule, scope: "node" });
    await delay(50);
    expect(ids).toHaveLength(1);
    clock.time += 1000;
    await until(() => ids.length === 2);
    expect(new Set(ids).size).toBe(2);
  });

  test("a handler that ends the run at once leaves nothing behind", async () => {
    await using store = new MemoryStore();
    const clock = { time: START, now: () => clock.time };
    const timers = new Timers(store.kv, { prefix: "t:", clock });
    for (const name of ["a", "b"]) await timers.set(name, { schedule: { everyMs: 1000 }, scope: "node" });
    const pending = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = pending();
    const controller = new AbortController();
    let calls = 0;
    const handler = (): Promise<void> => {
      calls += 1;
      controller.abort();
      return Promise.resolve();
    };
    const run = timers.run(handler, { onError: fail, checkMs: 5, signal: controller.signal });
    await delay(50);
    clock.time += 1000;
    await until(() => calls > 0);
    await until(() => pending() === before);
    expect(calls).toBe(1);
    await run[Symbol.asyncDispose]();
  });

  test("what is stored as a timer and cannot be read is listed as broken, beside the others, and can be removed", async () => {
    await using store = new MemoryStore();
    const timers = new Timers(store.kv, { prefix: "t:" });
    const schedule = { everyMs: 1000 };
    for (const name of ["a", "z"]) await timers.set(name, { schedule });
    const [sound] = (await store.kv.scan({ prefix: "t:" })).entries;
    const keyOf = (name: string) => sound!.key.replace(/a$/, name);
    const record = JSON.parse(decodeUtf8(sound!.value));
    const stored = [
      ...["", "null", "[]", "{", "7"],
      ...[
        { since: "x" },
        { schedule: { cron: 5 } },
        { schedule: { cron: "no" } },
        { schedule: null },
        { anchor: null },
      ],
      ...[
        { schedule: { everyMs: "1" } },
        { schedule: { cron: "0 0 * * *", timeZone: "Nowhere/At all" } },
        { scope: 1 },
      ],
      ...[{ schedule: { cron: "0 0 * * *", timeZone: 5 } }, { schedule: { everyMs: 1000, anchor: "x" } }],
    ].map((it) => (typeof it === "string" ? it : JSON.stringify({ ...record, ...it })));
    const names = stored.map((_, at) => `broken-${String(at).padStart(2, "0")}`);
    for (const [at, text] of stored.entries()) await store.kv.put(keyOf(names[at]!), encodeUtf8(text));
    const page = await timers.list();
    expect(page.timers.map(({ name }) => name)).toEqual(["a", "z"]);
    expect(page.broken.map(({ name }) => name)).toEqual(names);
    for (const { error } of page.broken) expect(["INVALID_PARAMS", "SCHEDULE_INVALID"]).toContain(error.code);
    for (const name of names) expect(await timers.remove(name)).toBe(true);
    expect(await timers.list()).toMatchObject({ broken: [], timers: [{ name: "a" }, { name: "z" }] });
  });

  test("bad definitions and options are refused", async () => {
    await using store = new MemoryStore();
    const timers = new Timers(store.kv, { prefix: "t:" });
    const schedule = { everyMs: 1000 };
    const bad: [string, object, string][] = [
      ["", { schedule }, "INVALID_PARAMS"],
      ["n".repeat(201), { schedule }, "INVALID_PARAMS"],
      ["a", {}, "INVALID_PARAMS"],
      ["a", { schedule: { everyMs: 1000, cron: "* * * * *" } }, "INVALID_PARAMS"],
      ["a", { schedule: { cron: "0 0 30 2 *" } }, "SCHEDULE_INVALID"],
      ["a", { schedule: { everyMs: -1 } }, "INVALID_PARAMS"],
      ["a", { schedule, catchUp: -1 }, "INVALID_PARAMS"],
      ["a", { schedule, catchUp: 1001 }, "INVALID_PARAMS"],
      ["a", { schedule, jitterMs: -1 }, "INVALID_PARAMS"],
      ["a", { schedule, scope: "world" }, "INVALID_PARAMS"],
      ["a", { schedule, payload: "x".repeat(65_536) }, "INVALID_PARAMS"],
      ["a", { schedule, payload: () => 1 }, "INVALID_PARAMS"],
    ];
    for (const [name, definition, code] of bad) {
      await expect(timers.set(name, definition as TimerDefinition)).rejects.toMatchObject({ code });
    }
    expect(await timers.list()).toEqual({ timers: [], broken: [] });
    expect(() => new Timers(store.kv, { prefix: "bare" })).toThrow(expect.objectContaining({ code: "INVALID_PARAMS" }));
    const handler = async (): Promise<void> => undefined;
    expect(() => timers.run(handler, { onError: fail, concurrency: 0 })).toThrow(
      expect.objectContaining({ code: "INVALID_PARAMS" }),
    );
  });
});
