import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { decodeUtf8, encodeUtf8, isAspenError } from "@aspen/plugin-api/abi";
import type { KeyValueStore } from "@aspen/storage";
import type { ConformanceCase } from "@aspen/storage/testing";
import { Timers } from "../timers.js";
import type { TimerDefinition } from "../timers-definition.js";
import type { TimerHandler } from "../timers-handler.js";
import type { RunTimersOptions, TimerRun } from "../timers-runner.js";

/** A tick of it comes each second of a clock that is set by hand. */
const EACH_SECOND: TimerDefinition = { schedule: { cron: "* * * * * *" }, catchUp: 1000 };
const START = Date.UTC(2026, 0, 1);

/** Nodes that share a store and a clock that stands still. */
class Nodes implements AsyncDisposable {
  readonly clock = { time: START, now: () => this.clock.time };
  readonly timers: Timers;
  readonly errors: unknown[] = [];
  readonly runs: TimerRun[] = [];
  /** `<node> <id of the tick>`. */
  readonly calls: string[] = [];

  constructor(
    readonly kv: KeyValueStore,
    readonly namespace: string,
  ) {
    this.timers = new Timers(kv, { prefix: `${namespace}timers/`, clock: this.clock });
  }

  start(handler: TimerHandler = async () => undefined, options: Partial<RunTimersOptions> = {}): TimerRun {
    const node = this.runs.length;
    const run = this.timers.run(
      async (tick) => {
        this.calls.push(`${node} ${tick.id}`);
        return (await handler(tick)) ?? undefined;
      },
      { onError: (error) => this.errors.push(error), checkMs: 5, retryMs: 1, leaseTtlMs: 600_000, ...options },
    );
    this.runs.push(run);
    return run;
  }

  /** Ids of the ticks, in the order of the calls. */
  get ids(): string[] {
    return this.calls.map((call) => call.slice(call.indexOf(" ") + 1));
  }

  lastIs(name: string, time: number): Promise<void> {
    return until(async () => (await this.timers.get(name))?.lastAt === time);
  }

  /** Lets `ms` pass and waits until the last tick is done. */
  async pass(name: string, ms: number): Promise<void> {
    this.clock.time += ms;
    await this.lastIs(name, this.clock.time);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.runs.map((run) => run[Symbol.asyncDispose]()));
  }
}

/** Waits for a condition; the framework ends the test when it does not come. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(5);
}

const id = (name: string, seconds: number): string => `${name}@${new Date(START + seconds * 1000).toISOString()}`;

/** What timers promise on every store. */
export const timerCases: readonly ConformanceCase[] = [
  {
    name: "a timer that is over can be removed without harm to one that is not",
    async run({ kv }, namespace) {
      await using nodes = new Nodes(kv, namespace);
      const once = { schedule: { everyMs: 1000, anchor: START + 1000 }, startAt: START + 1000, endAt: START + 1000 };
      await nodes.timers.set("once", once);
      assert.equal(await nodes.timers.remove("once", { ifOver: true }), false);
      nodes.start();
      await nodes.pass("once", 1000);
      assert.equal((await nodes.timers.get("once"))?.nextAt, null);
      await nodes.timers.pause("once");
      assert.equal(await nodes.timers.remove("once", { ifOver: true }), false);
      await nodes.timers.resume("once");
      assert.equal(await nodes.timers.remove("once", { ifOver: true }), true);
      assert.equal(await nodes.timers.remove("once", { ifOver: true }), false);
    },
  },
  {
    name: "of three nodes one runs each tick, and what it returns is written with it",
    async run({ kv }, namespace) {
      await using nodes = new Nodes(kv, namespace);
      await nodes.timers.set("a", EACH_SECOND);
      const log: TimerHandler = async (tick) => ({
        ops: [{ type: "append", prefix: `${namespace}log/`, value: encodeUtf8(tick.id) }],
      });
      for (let i = 0; i < 3; i++) nodes.start(log);
      for (let i = 0; i < 10; i++) await nodes.pass("a", 1000);
      const { entries } = await kv.scan({ prefix: `${namespace}log/` });
      const expected = Array.from({ length: 10 }, (_, i) => id("a", i + 1));
      assert.deepEqual(
        entries.map(({ value }) => decodeUtf8(value)),
        expected,
      );
      assert.deepEqual(nodes.ids, expected);
      assert.equal(nodes.runs.filter(({ holding }) => holding).length, 1);
      assert.deepEqual(nodes.errors, []);
    },
  },
  {
    name: "when the node that runs them ends, another goes on and runs what was missed",
    async run({ kv }, namespace) {
      await using nodes = new Nodes(kv, namespace);
      await nodes.timers.set("a", EACH_SECOND);
      nodes.start();
      await nodes.pass("a", 1000);
      await nodes.runs[0]![Symbol.asyncDispose]();
      nodes.clock.time += 2000;
      nodes.start();
      await nodes.lastIs("a", nodes.clock.time);
      assert.deepEqual(nodes.calls, [`0 ${id("a", 1)}`, `1 ${id("a", 2)}`, `1 ${id("a", 3)}`]);
    },
  },
  {
    name: "after downtime the newest ticks are run, as many as asked, and late ones are skipped if asked",
    async run({ kv }, namespace) {
      await using nodes = new Nodes(kv, namespace);
      const { timers } = nodes;
      await timers.set("one", { schedule: { everyMs: 1000 } });
      await timers.set("three", { schedule: { cron: "* * * * * *" }, catchUp: 3 });
      await timers.set("late", { schedule: { cron: "*/2 * * * * *" }, catchUp: 0, graceMs: 500 });
      await timers.set("skip", { schedule: { everyMs: 2000 }, catchUp: 0, graceMs: 499 });
      nodes.clock.time += 100_500;
      nodes.start();
      const at = START + 100_000;
      for (const name of ["one", "three", "late", "skip"]) await nodes.lastIs(name, at);
      assert.deepEqual(
        nodes.ids.sort(),
        [id("late", 100), id("one", 100), id("three", 98), id("three", 99), id("three", 100)].sort(),
      );
    },
  },
  {
    name: "what is added, changed, paused, resumed and removed counts while it runs",
    async run({ kv }, namespace) {
      await using nodes = new Nodes(kv, namespace);
      const { timers } = nodes;
      nodes.start();
      await timers.set("mark", EACH_SECOND);
      await nodes.pass("mark", 1000);
      await timers.set("a", { ...EACH_SECOND, payload: 1 });
      assert.equal((await timers.get("a"))?.nextAt, nodes.clock.time + 1000);
      await nodes.pass("a", 1000);
      // What is set again goes on; what gets another schedule begins now.
      await timers.set("a", { ...EACH_SECOND, payload: 2 });
      assert.equal((await timers.get("a"))?.lastAt, nodes.clock.time);
      await timers.set("a", { schedule: { everyMs: 5000 } });
      await nodes.pass("mark", 4000);
      await nodes.pass("a", 1000);
      await timers.pause("a");
      assert.equal((await timers.get("a"))?.nextAt, null);
      await nodes.pass("mark", 20_000);
      await timers.resume("a");
      await nodes.pass("mark", 4000);
      await nodes.pass("a", 1000);
      assert.equal(await timers.remove("a"), true);
      assert.equal(await timers.remove("a"), false);
      await nodes.pass("mark", 10_000);
      assert.deepEqual(
        nodes.ids.filter((it) => it.startsWith("a@")),
        [id("a", 2), id("a", 7), id("a", 32)],
      );
      const { entries } = await kv.scan({ prefix: `${namespace}timers/last/` });
      assert.equal(entries.length, 1);
      await assert.rejects(timers.pause("a"), (error) => isAspenError(error) && error.code === "TIMER_NOT_FOUND");
      assert.deepEqual(nodes.errors, []);
    },
  },
  {
    name: "a tick of the scope node is for each node",
    async run({ kv }, namespace) {
      await using nodes = new Nodes(kv, namespace);
      await nodes.timers.set("a", { schedule: { everyMs: 1000 }, scope: "node", payload: { to: "all" } });
      for (let i = 0; i < 3; i++) nodes.start();
      for (let i = 1; i <= 3; i++) {
        nodes.clock.time += 1000;
        await until(async () => nodes.calls.length === 3 * i);
      }
      const expected = [0, 1, 2].flatMap((node) => [1, 2, 3].map((second) => `${node} ${id("a", second)}`));
      assert.deepEqual(nodes.calls.sort(), expected);
      assert.equal((await nodes.timers.get("a"))?.lastAt, null);
    },
  },
  {
    name: "a handler that fails gets the same tick again, until it has had its attempts",
    async run({ kv }, namespace) {
      await using nodes = new Nodes(kv, namespace);
      await nodes.timers.set("a", EACH_SECOND);
      const attempts: number[] = [];
      const handler: TimerHandler = async ({ attempt, scheduledAt }) => {
        attempts.push(attempt);
        if (scheduledAt === START + 1000 && attempt < 3) throw new Error("not yet");
        // A check that does not hold counts as a failure too.
        const checks = [{ key: `${namespace}x`, value: scheduledAt === START + 2000 ? encodeUtf8("no") : null }];
        return { checks, ops: [] };
      };
      nodes.start(handler, { attempts: 4 });
      await nodes.pass("a", 1000);
      await nodes.pass("a", 1000);
      await nodes.pass("a", 1000);
      assert.deepEqual(attempts, [1, 2, 3, 1, 2, 3, 4, 1]);
      assert.equal(nodes.errors.length, 6);
    },
  },
  {
    name: "a clock that is set back an hour brings no tick twice; one that is set forward makes ticks due",
    async run({ kv }, namespace) {
      await using nodes = new Nodes(kv, namespace);
      await nodes.timers.set("a", { ...EACH_SECOND, schedule: { everyMs: 1_200_000 } });
      await nodes.timers.set("mark", { schedule: { everyMs: 1000 }, scope: "node" });
      nodes.start();
      await nodes.pass("a", 3_600_000);
      nodes.clock.time -= 3_600_000;
      await nodes.timers.set("b", { ...EACH_SECOND, schedule: { everyMs: 1_200_000 } });
      for (let i = 1; i <= 3; i++) {
        nodes.clock.time += 1_200_000;
        await nodes.lastIs("b", nodes.clock.time);
      }
      nodes.clock.time += 3_600_000;
      await nodes.lastIs("a", nodes.clock.time);
      const seconds = [1200, 2400, 3600, 4800, 6000, 7200];
      assert.deepEqual(
        nodes.ids.filter((it) => it.startsWith("a@")),
        seconds.map((second) => id("a", second)),
      );
    },
  },
  {
    name: "a timer ticks from its startAt to its endAt, and has no next tick after that",
    async run({ kv }, namespace) {
      await using nodes = new Nodes(kv, namespace);
      const { timers } = nodes;
      await timers.set("mark", EACH_SECOND);
      await timers.set("a", { ...EACH_SECOND, startAt: START + 3000, endAt: START + 5000 });
      await timers.set("b", { schedule: { everyMs: 2000 }, startAt: START + 4000 });
      assert.equal((await timers.get("a"))?.nextAt, START + 3000);
      assert.equal((await timers.get("b"))?.nextAt, START + 4000);
      nodes.start();
      await nodes.pass("mark", 2000);
      await nodes.pass("mark", 6000);
      await nodes.lastIs("a", START + 5000);
      await nodes.lastIs("b", START + 8000);
      assert.deepEqual(
        nodes.ids.filter((it) => it.startsWith("a@")),
        [id("a", 3), id("a", 4), id("a", 5)],
      );
      assert.equal((await timers.get("a"))?.nextAt, null);
      const bad = timers.set("a", { ...EACH_SECOND, startAt: 2, endAt: 1 });
      await assert.rejects(bad, (error) => isAspenError(error) && error.code === "INVALID_PARAMS");
    },
  },
  {
    name: "what a change makes of a timer is written, and nothing when it throws",
    async run({ kv }, namespace) {
      await using nodes = new Nodes(kv, namespace);
      const { timers } = nodes;
      const count = (before: { payload: unknown } | null) => ((before?.payload as number | undefined) ?? 0) + 1;
      const add = () => timers.change("a", (before) => ({ ...EACH_SECOND, payload: count(before) }));
      await Promise.all(Array.from({ length: 5 }, add));
      const refused = timers.change("a", () => {
        throw new Error("refused");
      });
      await assert.rejects(refused, /refused/);
      assert.equal((await timers.get("a"))?.payload, 5);
    },
  },
  {
    name: "who makes changes with a tick is told when they are made",
    async run({ kv }, namespace) {
      await using nodes = new Nodes(kv, namespace);
      await nodes.timers.set("a", EACH_SECOND);
      const key = `${namespace}x`;
      let told = 0;
      const failing = { checks: [{ key, value: encodeUtf8("no") }] };
      nodes.start(async ({ attempt }) => ({
        ...(attempt === 1 ? failing : {}),
        ops: [{ type: "put", key, value: encodeUtf8("yes") }],
        onCommitted: () => {
          told += 1;
        },
      }));
      await nodes.pass("a", 1000);
      await until(async () => told > 0);
      assert.equal(told, 1);
      assert.equal(nodes.errors.length, 1);
    },
  },
  {
    name: "timers are listed in pages with their next run",
    async run({ kv }, namespace) {
      await using nodes = new Nodes(kv, namespace);
      const names = ["a", "b", "c:d", "e/f", "ü"];
      for (const name of names) await nodes.timers.set(name, { schedule: { cron: "0 12 * * *" }, payload: [name] });
      const listed: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await nodes.timers.list(cursor === undefined ? { limit: 2 } : { limit: 2, cursor });
        for (const { name, nextAt, payload } of page.timers) {
          listed.push(name);
          assert.equal(nextAt, START + 43_200_000);
          assert.deepEqual(payload, [name]);
        }
        cursor = page.cursor;
      } while (cursor !== undefined);
      assert.deepEqual(listed, names);
      assert.equal(await nodes.timers.get("nobody"), null);
    },
  },
];
