import assert from "node:assert/strict";
import { eventOp } from "@aspen/layers";
import { encodeUtf8, LIMITS } from "@aspen/plugin-api/abi";
import { LOCAL_CALLER } from "@aspen/rpc-core";
import { DeadEvents } from "../background/dead-events.js";
import type { PluginEvent } from "../background/plugin-event.js";
import type { PluginTick, PluginTimer } from "../background/plugin-timers.js";
import { redriveDeadEvents } from "../background/redrive.js";
import { appended, rejectsWith, written } from "./expectations.js";
import type { RecordedJob } from "./recorded-jobs.js";
import type { StartOptions } from "./runtime-bench.js";
import type { RuntimeCase } from "./runtime-case.js";

type Told = PluginEvent & { bytes: number[] | null };

const KEYS = ["kv:read", "kv:write"] as const;
const follows = (...topics: string[]): StartOptions => ({
  manifest: {
    permissions: [...KEYS, "events:emit", "hooks:subscribe"],
    subscriptions: topics.map((topic) => ({ topic, recursive: false })),
  },
});
const withTimers = (timers: object[] = []): StartOptions => ({
  manifest: { permissions: [...KEYS, "timers"], timers: timers as never },
});

export const backgroundCases: readonly RuntimeCase[] = [
  {
    name: "a plugin is told of the events that it asks for, in their order, with their data",
    async run(bench) {
      const plugin = await bench.start(follows("suite.note.*", "suite.bytes"));
      const emit = (event: object) => plugin.call("suite.emit", event);
      const first = await emit({
        ...{ topic: "suite.note.made", subject: "1", data: { n: [1, "zwei"] }, attributes: { traceparent: "t" } },
      });
      plugin.background();
      await emit({ topic: "suite.note" });
      await emit({ topic: "suite.note.made.twice" });
      await plugin.call("suite.emitBytes", "suite.bytes");
      await emit({ topic: "suite.note.gone" });
      const told = await appended<Told>(bench, "suite:told:", 3);
      assert.deepEqual(
        told.map(({ topic, bytes, attempt }) => [topic, bytes, attempt]),
        [
          ["suite.note.made", null, 1],
          ["suite.bytes", [0, 255], 1],
          ["suite.note.gone", null, 1],
        ],
      );
      const [{ time, bytes: _, ...made }] = told as [Told];
      assert.ok(Date.parse(time) <= Date.now());
      assert.deepEqual(made, {
        ...{ id: first, namespace: "suite:", topic: "suite.note.made", source: "aspen:plugin/suite", subject: "1" },
        ...{ contentType: "application/json", data: { n: [1, "zwei"] }, chain: [], attributes: { traceparent: "t" } },
        attempt: 1,
      });
    },
  },
  {
    name: "a plugin that submits jobs is told of their ends, whatever its namespaces, but not of those that it caused itself",
    async run(bench) {
      const permissions = [...KEYS, "hooks:subscribe", "jobs:submit:*"] as const;
      const subscriptions = [{ topic: "job.*", recursive: false }];
      const plugin = await bench.start({ manifest: { permissions: [...permissions], subscriptions } });
      await plugin.call("suite.submit", { type: "mail.send" });
      const [{ options }] = bench.jobs.submitted as [RecordedJob];
      assert.deepEqual(options, { chain: [] });
      plugin.background();
      const ended = (topic: string, chain: readonly string[], namespace = "__plugin:suite:") =>
        bench.store.kv.transact({ checks: [], ops: [eventOp(namespace, { topic, chain, source: "aspen:jobs" })] });
      await ended("job.completed", ["plugin:suite"]);
      await ended("job.completed", [], "__plugin:other:");
      await ended("job.failed", options.chain!);
      const [told, ...more] = await appended<Told>(bench, "suite:told:", 1);
      assert.deepEqual([told!.topic, told!.source, more], ["job.failed", "aspen:jobs", []]);
    },
  },
  {
    name: "a job of a plugin that hears no events is told to nobody",
    async run(bench) {
      const plugin = await bench.start({ manifest: { permissions: ["jobs:submit:*"] } });
      await plugin.call("suite.submit", { type: "mail.send" });
      assert.deepEqual(bench.jobs.submitted[0]?.options, {});
    },
  },
  {
    name: "events of a transaction are emitted with its changes, or not at all",
    async run(bench) {
      const plugin = await bench.start(follows(">"));
      plugin.background();
      const outbox = () =>
        plugin.call("suite.outbox", {
          absent: "suite:once",
          topics: [{ topic: "suite.a", data: 1 }, { topic: "suite.b" }],
        });
      const done = (await outbox()) as { ok: true; appended: string[]; emitted: string[] };
      assert.equal(done.appended.length, 1);
      assert.match(done.appended[0]!, /^suite:log:/);
      assert.deepEqual(await outbox(), { ok: false, failed: 0 });
      await plugin.call("suite.emit", { topic: "suite.last" });
      const told = await appended<Told>(bench, "suite:told:", 3);
      assert.deepEqual(
        told.map(({ topic }) => topic),
        ["suite.a", "suite.b", "suite.last"],
      );
      assert.deepEqual(
        told.slice(0, 2).map(({ id }) => id),
        done.emitted,
      );
    },
  },
  {
    name: "where a plugin stopped is known: nothing is told twice, nothing is left out",
    async run(bench) {
      const plugin = await bench.start(follows("suite.n"));
      for (let n = 0; n < 30; n++) {
        const background = n % 10 === 0 ? plugin.background() : null;
        await plugin.call("suite.emit", { topic: "suite.n", data: n });
        if (background) await background[Symbol.asyncDispose]();
      }
      plugin.background();
      const told = await appended<Told>(bench, "suite:told:", 30);
      assert.deepEqual(
        told.map(({ data }) => data),
        Array.from({ length: 30 }, (_, n) => n),
      );
    },
  },
  {
    name: "of two nodes one tells the plugin, and the other goes on when it ends",
    async run(bench) {
      const plugin = await bench.start({ ...follows("suite.n", "suite.slow") });
      const first = plugin.background();
      await plugin.call("suite.emit", { topic: "suite.slow" });
      await appended(bench, "suite:told:", 1);
      plugin.background();
      await plugin.call("suite.emit", { topic: "suite.n", data: 1 });
      const ended = first[Symbol.asyncDispose]();
      await plugin.call("suite.put", "suite:go");
      await ended;
      const told = await appended<Told>(bench, "suite:told:", 2);
      assert.deepEqual(
        told.map(({ topic }) => topic),
        ["suite.slow", "suite.n"],
      );
    },
  },
  {
    name: "a plugin is not told of what it emits because of an event, unless it asks for that",
    async run(bench) {
      const plugin = await bench.start(follows("suite.echo", "suite.end"));
      const background = plugin.background();
      await plugin.call("suite.emit", { topic: "suite.echo" });
      await plugin.call("suite.emit", { topic: "suite.end" });
      const told = await appended<Told>(bench, "suite:told:", 2);
      assert.deepEqual(
        told.map(({ topic, subject }) => [topic, subject]),
        [
          ["suite.echo", undefined],
          ["suite.end", undefined],
        ],
      );
      const permissions = [...KEYS, "events:emit", "hooks:subscribe"] as never;
      const subscriptions = [{ topic: "suite.echo", recursive: true }];
      await background[Symbol.asyncDispose]();
      const looping = await bench.start({ manifest: { permissions, subscriptions } });
      looping.background();
      await looping.call("suite.emit", { topic: "suite.echo" });
      const again = (await appended<Told>(bench, "suite:told:", 6)).at(-1);
      assert.deepEqual([again?.subject, again?.chain], ["again", ["plugin:suite"]]);
    },
  },
  {
    name: "an event that a plugin does not take is tried again, then is among its dead ones, and the next one comes",
    async run(bench) {
      const plugin = await bench.start(follows(">"));
      const background = plugin.background();
      const poison = await plugin.call("suite.emit", { topic: "suite.poison", subject: "x" });
      await plugin.call("suite.emit", { topic: "suite.fine" });
      const told = await appended<Told>(bench, "suite:told:", LIMITS.eventAttempts + 1);
      assert.deepEqual(
        told.map(({ topic, attempt }) => `${topic} ${attempt}`),
        [...Array.from({ length: LIMITS.eventAttempts }, (_, n) => `suite.poison ${n + 1}`), "suite.fine 1"],
      );
      const [dead, ...more] = await new DeadEvents(bench.store.kv, "suite").list();
      assert.deepEqual(more, []);
      assert.deepEqual(
        [dead?.event, dead?.topic, dead?.subject, dead?.attempts, dead?.error],
        [poison, "suite.poison", "x", LIMITS.eventAttempts, { code: "SUITE_POISON", message: "never" }],
      );
      assert.ok(bench.told.some((line) => line.includes("dead events")));
      await background[Symbol.asyncDispose]();
      assert.deepEqual(bench.measured, [
        ...Array.from({ length: LIMITS.eventAttempts - 1 }, () => "event suite retried"),
        ...["event suite dead", "event suite delivered"],
      ]);
    },
  },
  {
    name: "a plugin is told of its dead events again when somebody asks for it; those that it takes are dead no more",
    async run(bench) {
      const plugin = await bench.start(follows(">"));
      const background = plugin.background();
      const poison = await plugin.call("suite.emit", { topic: "suite.poison" });
      await appended<Told>(bench, "suite:told:", LIMITS.eventAttempts);
      const { kv } = bench.store;
      const dead = new DeadEvents(kv, "suite");
      await plugin.call("suite.emit", { topic: "suite.fine" });
      await appended<Told>(bench, "suite:told:", LIMITS.eventAttempts + 1);
      await background[Symbol.asyncDispose]();
      const redrive = (event?: string) =>
        redriveDeadEvents({ ...{ kv, plugin: "suite", target: plugin.instance, caller: LOCAL_CALLER }, event });
      const error = { code: "SUITE_POISON", message: "never" };
      assert.deepEqual(await redrive(), { taken: [], failed: [{ event: poison, error }], gone: [] });
      assert.equal((await dead.list()).length, 1);
      assert.deepEqual(await redrive("another"), { taken: [], failed: [], gone: [] });
      await kv.put("suite:cured", encodeUtf8("1"));
      assert.deepEqual(await redrive(poison as string), { taken: [poison], failed: [], gone: [] });
      assert.deepEqual(await dead.list(), []);
      const told = await appended<Told & { attempt: number }>(bench, "suite:told:", LIMITS.eventAttempts + 3);
      assert.deepEqual(
        told.slice(-2).map(({ topic, attempt }) => `${topic} ${attempt}`),
        ["suite.poison 9", "suite.poison 9"],
      );
    },
  },
  {
    name: "dead events whose log is gone are told of, and purged",
    async run(bench) {
      const plugin = await bench.start(follows(">"));
      plugin.background();
      const events = [];
      for (const subject of ["a", "b"])
        events.push(await plugin.call("suite.emit", { topic: "suite.poison", subject }));
      await plugin.call("suite.emit", { topic: "suite.fine" });
      await appended<Told>(bench, "suite:told:", 2 * LIMITS.eventAttempts + 1);
      const { kv } = bench.store;
      const dead = new DeadEvents(kv, "suite");
      const [first, second] = events as string[];
      await kv.delete(first!);
      const options = { kv, plugin: "suite", target: plugin.instance, caller: LOCAL_CALLER, event: first };
      assert.deepEqual(await redriveDeadEvents(options), { taken: [], failed: [], gone: [first] });
      assert.equal(await dead.purge(first), 1);
      assert.deepEqual(
        (await dead.list()).map(({ event }) => event),
        [second],
      );
      assert.equal(await dead.purge(), 1);
      assert.equal(await dead.purge(), 0);
    },
  },
  {
    name: "what is no event, is too large, or goes elsewhere is refused; so is emitting without the permission",
    async run(bench) {
      const plugin = await bench.start(follows(">"));
      const emit = (event: object) => plugin.call("suite.emit", event);
      for (const topic of ["", "a..b", "a b", "*", "x".repeat(256)])
        await rejectsWith("INVALID_PARAMS", emit({ topic }));
      await rejectsWith("INVALID_PARAMS", emit({ topic: "a", chain: ["plugin:other"] }));
      await rejectsWith("INVALID_PARAMS", emit({ topic: "a", source: "aspen:plugin/other" }));
      await rejectsWith("PAYLOAD_TOO_LARGE", emit({ topic: "a", data: "x".repeat(LIMITS.eventDataBytes) }));
      for (const namespace of ["other:", "suite", "suite:a", "__sys:"]) {
        await rejectsWith("KV_NAMESPACE_DENIED", emit({ topic: "a", namespace }));
      }
      const topics = Array.from({ length: LIMITS.eventsPerTransaction + 1 }, () => ({ topic: "a" }));
      await rejectsWith("PAYLOAD_TOO_LARGE", plugin.call("suite.outbox", { absent: "suite:x", topics }));
      assert.equal((await bench.store.kv.scan({ prefix: "" })).entries.length, 0);
      await plugin.instance[Symbol.asyncDispose]();
      const silent = await bench.start({ manifest: { permissions: [...KEYS] } });
      await rejectsWith("PERMISSION_DENIED", silent.call("suite.emit", { topic: "a" }));
      const outbox = silent.call("suite.outbox", { absent: "suite:x", topics: [{ topic: "a" }] });
      const error = await rejectsWith("PERMISSION_DENIED", outbox);
      assert.equal(error.details?.permission, "events:emit");
      assert.equal(await bench.store.kv.get("suite:x"), null);
    },
  },
  {
    name: "timers of the manifest and of the plugin tick, each tick once",
    async run(bench) {
      const plugin = await bench.start(withTimers([{ name: "often", every_ms: 100, payload: { n: 1 } }]));
      // Two nodes.
      plugin.background();
      plugin.background();
      await plugin.call("suite.setTimer", { name: "once", timer: { at: 0, payload: "soon" } });
      let ticks: PluginTick[] = [];
      for (let count = 5; !ticks.some(({ name }) => name === "once"); count = ticks.length + 1) {
        ticks = await appended<PluginTick>(bench, "suite:ticks:", count);
      }
      ticks = await appended<PluginTick>(bench, "suite:ticks:", ticks.length + 5);
      const often = ticks.filter(({ name }) => name === "often");
      assert.equal(new Set(often.map(({ id }) => id)).size, often.length);
      for (const { origin, payload, attempt } of often)
        assert.deepEqual([origin, payload, attempt], ["manifest", { n: 1 }, 1]);
      const once = ticks.filter(({ name }) => name === "once");
      assert.deepEqual(
        once.map(({ origin, payload }) => [origin, payload]),
        [["set", "soon"]],
      );
      assert.deepEqual(
        ((await plugin.call("suite.timers")) as PluginTimer[]).map(({ name }) => name),
        ["often"],
      );
    },
  },
  {
    name: "a tick that a plugin fails with comes again",
    async run(bench) {
      const plugin = await bench.start(withTimers());
      await bench.store.kv.put("suite:tick-fails", Uint8Array.of(1));
      plugin.background();
      await plugin.call("suite.setTimer", { name: "once", timer: { at: 0 } });
      const [first, second] = await appended<PluginTick>(bench, "suite:ticks:", 2);
      assert.deepEqual([first!.attempt, second!.attempt, second!.id], [1, 2, first!.id]);
      await bench.store.kv.delete("suite:tick-fails");
    },
  },
  {
    name: "timers can be listed, changed and cancelled; those of the manifest are not the plugin's to change",
    async run(bench) {
      const daily = { name: "daily", cron: "0 3 * * *", time_zone: "Europe/Berlin" };
      const plugin = await bench.start(withTimers([daily]));
      plugin.background();
      await written(bench, "__timers:suite/timer/manifest/daily");
      const set = (name: string, timer: object) => plugin.call("suite.setTimer", { name, timer });
      await set("b", { everyMs: 3_600_000, payload: [1], catchUp: 0, jitterMs: 5 });
      await set("a", { at: Date.now() + 3_600_000 });
      const list = async () => (await plugin.call("suite.timers")) as PluginTimer[];
      const [first, second, third] = await list();
      assert.deepEqual(
        [first?.name, first?.origin, first?.cron, first?.timeZone],
        ["daily", "manifest", "0 3 * * *", "Europe/Berlin"],
      );
      assert.equal(second?.name, "a");
      assert.equal(second?.at, second?.nextAt);
      const { nextAt, ...b } = third!;
      assert.ok(nextAt! > Date.now());
      const told = { everyMs: 3_600_000, payload: [1], catchUp: 0, jitterMs: 5, lastAt: null };
      assert.deepEqual(b, { name: "b", origin: "set", ...told });
      await set("b", { cron: "@hourly" });
      assert.equal((await list())[2]?.cron, "@hourly");
      assert.deepEqual(
        [await plugin.call("suite.cancelTimer", "b"), await plugin.call("suite.cancelTimer", "b")],
        [true, false],
      );
      await rejectsWith("INVALID_PARAMS", set("daily", { everyMs: 1000 }));
      assert.equal(await plugin.call("suite.cancelTimer", "daily"), false);
      assert.equal((await list()).length, 2);
    },
  },
  {
    name: "a timer that is none, ticks too often or is one too many is refused; so are timers without the permission",
    async run(bench) {
      const plugin = await bench.start(withTimers());
      const set = (name: string, timer: object) => plugin.call("suite.setTimer", { name, timer });
      const none = [
        {},
        { everyMs: 999 },
        { everyMs: 1.5 },
        { everyMs: 1000, at: 1 },
        { everyMs: 1000, timeZone: "UTC" },
      ];
      for (const timer of [...none, { everyMs: 1000, scope: "node" }, { everyMs: 1000, catchUp: -1 }]) {
        await rejectsWith("INVALID_PARAMS", set("t", timer));
      }
      await rejectsWith("SCHEDULE_INVALID", set("t", { cron: "no cron" }));
      await rejectsWith(
        "PAYLOAD_TOO_LARGE",
        set("t", { everyMs: 1000, payload: "x".repeat(LIMITS.timerPayloadBytes) }),
      );
      for (const name of ["", "a/b", "x".repeat(65), "é"])
        await rejectsWith("INVALID_PARAMS", set(name, { everyMs: 1000 }));
      for (let n = 0; n < LIMITS.timers; n++) await set(`t${n}`, { everyMs: 3_600_000 });
      const error = await rejectsWith("TOO_MANY_TIMERS", set("more", { everyMs: 3_600_000 }));
      assert.deepEqual(error.details, { plugin: "suite", limit: LIMITS.timers });
      await set("t0", { everyMs: 7_200_000 });
      await plugin.call("suite.cancelTimer", "t1");
      await set("more", { everyMs: 3_600_000 });
      await plugin.instance[Symbol.asyncDispose]();
      const denied = await bench.start({ manifest: { permissions: [...KEYS] } });
      for (const call of [denied.call("suite.timers"), denied.call("suite.cancelTimer", "t0")]) {
        await rejectsWith("PERMISSION_DENIED", call);
      }
    },
  },
  {
    name: "a plugin that is to be told of what it has no function for does not start",
    async run(bench) {
      const subscriptions = [{ topic: ">", recursive: false }];
      const timers = [{ name: "t", every_ms: 1000 }];
      for (const manifest of [{ subscriptions }, { timers }]) {
        await rejectsWith("MANIFEST_INVALID", bench.start({ fixture: "neighbour", manifest }));
      }
    },
  },
];
