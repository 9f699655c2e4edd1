import assert from "node:assert/strict";
import { decodeUtf8, encodeUtf8, isAspenError } from "@aspen/plugin-api";
import { appendedKey, type KeyValueStore } from "@aspen/storage";
import type { ConformanceCase } from "@aspen/storage/testing";
import { eventOp, type LoggedEvent } from "../events/event.js";
import { EventLog, type FollowOptions } from "../events/event-log.js";
import { take } from "./taking.js";

const bytes = encodeUtf8;
const dataOf = ({ data }: LoggedEvent): unknown => JSON.parse(decodeUtf8(data));
const compacted = (error: unknown): boolean => isAspenError(error) && error.code === "EVENTS_COMPACTED";
const invalid = (error: unknown): boolean => isAspenError(error) && error.code === "INVALID_PARAMS";

async function emitNumbers(kv: KeyValueStore, namespace: string, from: number, to: number): Promise<string[]> {
  const log = new EventLog(kv);
  const ids: string[] = [];
  for (let n = from; n < to; n++) ids.push((await log.emit(namespace, { topic: "test.number", data: n })).key);
  return ids;
}

/** Follows until as many events were told. */
async function followed(kv: KeyValueStore, count: number, options: FollowOptions): Promise<LoggedEvent[]> {
  const ended = new AbortController();
  const events = new EventLog(kv).follow({ ...options, signal: ended.signal });
  const told = await take(events, count);
  ended.abort();
  assert.equal((await events.next()).done, true);
  return told;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

/** What an event log promises on every store. */
export const eventLogCases: readonly ConformanceCase[] = [
  {
    name: "an event is there with its change, and not without it",
    async run({ kv }, ns) {
      const log = new EventLog(kv);
      const change = (value: string, expected: string | null) =>
        kv.transact({
          checks: [{ key: `${ns}a`, value: expected === null ? null : bytes(expected) }],
          ops: [
            { type: "put", key: `${ns}a`, value: bytes(value) },
            eventOp(ns, { topic: "test.changed", data: value, subject: "a" }),
          ],
        });
      const first = await change("1", null);
      assert.ok(first.ok);
      assert.equal((await change("2", null)).ok, false);
      assert.ok((await change("3", "1")).ok);
      const events = await log.read(ns);
      assert.deepEqual(events.map(dataOf), ["1", "3"]);
      assert.equal(events[0]!.id, first.appended[0]);
    },
  },
  {
    name: "an event has all that was said of it",
    async run({ kv }, ns) {
      const log = new EventLog(kv);
      const said = {
        topic: "forge.push",
        subject: "żółw",
        source: "/forge/repo%20a",
        contentType: "text/plain",
        chain: ["hook:1", "hook:2"],
        attributes: { traceparent: "00-1-2-3", partitionkey: "" },
      };
      const { key } = await log.emit(ns, { ...said, data: Uint8Array.of(0, 255, 10) });
      await log.emit(ns, { topic: "a" });
      const [full, bare] = await log.read(ns);
      const { time, cursor, ...rest } = full!;
      assert.deepEqual(rest, { id: key, namespace: ns, ...said, data: Uint8Array.of(0, 255, 10) });
      assert.equal(new Date(time).toISOString(), time);
      assert.ok(cursor.startsWith(`${key}~`));
      const { id, namespace, time: _time, cursor: _cursor, ...others } = bare!;
      const source = `aspen:${encodeURIComponent(ns)}`;
      assert.deepEqual(others, { topic: "a", source, data: new Uint8Array(0), chain: [], attributes: {} });
      assert.ok(id > key && namespace === ns);
    },
  },
  {
    name: "a follower is told what is stored and what comes, in order, each once",
    async run({ kv }, ns) {
      await emitNumbers(kv, ns, 0, 300);
      const ended = new AbortController();
      const events = new EventLog(kv).follow({ namespaces: [ns], signal: ended.signal });
      const told = await take(events, 10);
      const writing = emitNumbers(kv, ns, 300, 350);
      told.push(...(await take(events, 340)));
      await writing;
      await kv.put(`${ns}other`, bytes("1"));
      await emitNumbers(kv, ns, 350, 351);
      told.push(...(await take(events, 1)));
      assert.deepEqual(told.map(dataOf), range(0, 351));
      ended.abort();
      assert.equal((await events.next()).done, true);
    },
  },
  {
    name: "emitters at once are told in the order of the keys, each event once",
    async run({ kv }, ns) {
      const log = new EventLog(kv);
      const following = followed(kv, 240, { namespaces: [ns] });
      const emitted = await Promise.all(
        range(0, 8).map(async () => {
          const ids: string[] = [];
          for (let i = 0; i < 10; i++) {
            const ops = range(0, 3).map((n) => eventOp(ns, { topic: "test.many", data: n }));
            const result = await kv.transact({ checks: [], ops });
            assert.ok(result.ok);
            ids.push(...result.appended);
          }
          return ids;
        }),
      );
      const ids = (await following).map(({ id }) => id);
      assert.deepEqual(ids, emitted.flat().sort());
      assert.deepEqual(
        (await log.read(ns, { limit: 1000 })).map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: "a follower goes on behind an event without gap or duplicate",
    async run({ kv }, ns) {
      await emitNumbers(kv, ns, 0, 20);
      let after: Record<string, string> = {};
      const told: unknown[] = [];
      for (const count of [1, 6, 13]) {
        const part = await followed(kv, count, { namespaces: [ns], after });
        told.push(...part.map(dataOf));
        after = { [ns]: part.at(-1)!.id };
      }
      assert.deepEqual(told, range(0, 20));
      const [next] = await Promise.all([followed(kv, 1, { namespaces: [ns], after }), emitNumbers(kv, ns, 20, 21)]);
      assert.deepEqual(next.map(dataOf), [20]);
    },
  },
  {
    name: "a follower from now on is told what comes alone",
    async run({ kv }, ns) {
      await emitNumbers(kv, ns, 0, 3);
      const events = new EventLog(kv).follow({ namespaces: [ns], from: "now" });
      // It has begun when it is told something; until then it is told something more.
      let emitted = 3;
      const first = take(events, 1);
      let begun = false;
      first.finally(() => {
        begun = true;
      });
      while (!begun) await emitNumbers(kv, ns, emitted, ++emitted);
      const n = dataOf((await first)[0]!) as number;
      assert.ok(n >= 3);
      if (n + 1 < emitted) assert.deepEqual((await take(events, emitted - n - 1)).map(dataOf), range(n + 1, emitted));
      await events.return();
    },
  },
  {
    name: "several namespaces are followed at once, each in its order",
    async run({ kv }, ns) {
      const namespaces = ["a", "b", "c"].map((name) => `${ns.slice(0, -1)}-${name}:`);
      await emitNumbers(kv, namespaces[0]!, 0, 30);
      const following = followed(kv, 90, { namespaces: [...namespaces, namespaces[0]!] });
      await Promise.all(namespaces.map((namespace, index) => emitNumbers(kv, namespace, index === 0 ? 30 : 0, 30)));
      const told = [...(await following)];
      for (const namespace of namespaces) {
        const own = told.filter((event) => event.namespace === namespace);
        assert.deepEqual(own.map(dataOf), range(0, 30));
      }
    },
  },
  {
    name: "a reader that is slower than what the store keeps for watches misses nothing",
    async run({ kv }, ns) {
      const log = new EventLog(kv);
      const events = log.follow({ namespaces: [ns] });
      await emitNumbers(kv, ns, 0, 1);
      await take(events, 1);
      const large = new Uint8Array(1_000_000);
      const ids: string[] = [];
      for (let i = 0; i < 20; i++) ids.push((await log.emit(ns, { topic: "test.large", data: large })).key);
      assert.deepEqual(
        (await take(events, 20)).map(({ id }) => id),
        ids,
      );
      await events.return();
    },
  },
  {
    name: "what others put among the events is no event",
    async run({ kv }, ns) {
      const [first] = await emitNumbers(kv, ns, 0, 1);
      const prefix = `${ns}__events:`;
      await kv.put(appendedKey(prefix, 2 ** 40, 0), bytes("from the future"));
      await kv.put(`${prefix}zz`, bytes("no version"));
      await kv.put(`${prefix}0`, bytes("no version"));
      const following = followed(kv, 2, { namespaces: [ns] });
      await emitNumbers(kv, ns, 1, 2);
      assert.deepEqual((await following).map(dataOf), [0, 1]);
      // One that cannot be read is told of, or ends the reading; one can go on behind it.
      await kv.transact({ checks: [], ops: [{ type: "append", prefix, value: bytes("junk") }] });
      await emitNumbers(kv, ns, 2, 3);
      await assert.rejects(
        followed(kv, 3, { namespaces: [ns], after: { [ns]: first! } }),
        (error) => isAspenError(error) && error.code === "STORE_INCONSISTENT",
      );
      const unreadable: Error[] = [];
      const onUnreadable = (error: Error) => unreadable.push(error);
      const all = await followed(kv, 3, { namespaces: [ns], onUnreadable });
      assert.deepEqual(all.map(dataOf), [0, 1, 2]);
      assert.equal(unreadable.length, 1);
    },
  },
  {
    name: "a place that the store has not come to is refused: it lost what it had",
    async run({ kv }, ns) {
      await emitNumbers(kv, ns, 0, 2);
      const after = { [ns]: appendedKey(`${ns}__events:`, 1_000_000, 0) };
      await assert.rejects(followed(kv, 1, { namespaces: [ns], after }), compacted);
    },
  },
  {
    name: "what cannot be an event, a namespace or a place is refused",
    async run({ kv }, ns) {
      const log = new EventLog(kv);
      for (const topic of ["", ".", "a.", "a..b", "a b", "*", "a.>", "x".repeat(256), 7 as never]) {
        assert.throws(() => eventOp(ns, { topic }), invalid);
      }
      for (const field of [
        { subject: "" },
        { subject: "\ud800" },
        { source: "no uri" },
        { contentType: "a\nb" },
        { chain: Array(65).fill("a") },
        { chain: [""] },
        { attributes: { id: "1" } },
        { attributes: { Upper: "1" } },
        { attributes: { a: 1 as never } },
        { data: () => undefined },
        { data: 1n },
      ]) {
        assert.throws(() => eventOp(ns, { topic: "a", ...field }), invalid, JSON.stringify(Object.keys(field)));
      }
      assert.throws(
        () => eventOp(ns, { topic: "a", data: new Uint8Array(1024 * 1024) }),
        (error) => isAspenError(error) && error.code === "PAYLOAD_TOO_LARGE",
      );
      for (const namespace of ["", "a", "a:b", "a:b:", "__plugin:a", "__plugin:"]) {
        assert.throws(() => eventOp(namespace, { topic: "a" }), invalid);
        assert.throws(() => log.follow({ namespaces: [namespace] }), invalid);
      }
      assert.throws(() => log.follow({ namespaces: [] }), invalid);
      assert.throws(() => log.follow({ namespaces: [ns], after: { [ns]: "x" } }), invalid);
      await assert.rejects(log.read(ns, { limit: 0 }), invalid);
      assert.equal(eventOp("__plugin:a:", { topic: "a" }).prefix, "__plugin:a:__events:");
      assert.deepEqual(await log.read(ns), []);
    },
  },
];
