import assert from "node:assert/strict";
import { decodeUtf8, encodeUtf8, isAspenError } from "@aspen/plugin-api";
import {
  type KeyValueStore,
  NamespacedKeyValueStore,
  storageErrors,
  type Transaction,
  type TxResult,
} from "@aspen/storage";
import type { ConformanceCase } from "@aspen/storage/testing";
import { type DurableCursor, DurableCursors } from "../cursor/cursors.js";
import { EventLog } from "../events/event-log.js";
import { EventTrimmer } from "../events/event-trimmer.js";
import { take } from "./taking.js";

const TTL = { ttlMs: 600_000 };
const withCode = (code: string) => (error: unknown) => isAspenError(error) && error.code === code;

async function emit(kv: KeyValueStore, namespace: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) ids.push((await new EventLog(kv).emit(namespace, { topic: "test.event" })).key);
  return ids;
}

/** Consumes so many events; each is noted in the transaction that moves the cursor. */
async function consume(cursor: DurableCursor, home: string, count: number): Promise<void> {
  const events = cursor.follow();
  for (const event of await take(events, count)) {
    const result = await cursor.commit(event, {
      ops: [{ type: "append", prefix: `${home}seen:`, value: encodeUtf8(event.id) }],
    });
    assert.ok(result.ok && result.appended.length === 1);
  }
  await events.return();
}

async function seenIn(kv: KeyValueStore, home: string): Promise<string[]> {
  const { entries } = await kv.scan({ prefix: `${home}seen:` });
  return entries.map(({ value }) => decodeUtf8(value));
}

/** A view of a store that keeps a transaction back, whose outcome is unknown until then. */
class Delaying extends NamespacedKeyValueStore {
  delays = false;
  late: () => Promise<TxResult | null> = async () => null;

  override async transact(transaction: Transaction): Promise<TxResult> {
    if (!this.delays) return super.transact(transaction);
    this.delays = false;
    this.late = () => super.transact(transaction);
    throw storageErrors.outcomeUnknown("it is on its way");
  }
}

/** What a durable cursor promises on every store. */
export const cursorCases: readonly ConformanceCase[] = [
  {
    name: "one holder after the other consumes each event once, in order",
    async run({ kv }, ns) {
      const cursors = new DurableCursors(kv, TTL);
      const ids = await emit(kv, ns, 12);
      let token = 0;
      for (const count of [5, 1, 6]) {
        await using cursor = await cursors.acquire({ home: ns, consumer: "index" });
        assert.ok(cursor.fencingToken > token);
        token = cursor.fencingToken;
        await consume(cursor, ns, count);
      }
      assert.deepEqual(await seenIn(kv, ns), ids);
      await using cursor = await cursors.acquire({ home: ns, consumer: "index" });
      assert.equal(cursor.position(ns), ids[11]);
      await using other = await cursors.acquire({ home: ns, consumer: "other" });
      assert.equal(other.position(ns), null);
    },
  },
  {
    name: "a cursor has one holder, and one that lost it moves it no more",
    async run({ kv }, ns) {
      const cursors = new DurableCursors(kv, TTL);
      const [first, second] = await emit(kv, ns, 2);
      await using stale = await cursors.acquire({ home: ns, consumer: "index" });
      assert.equal(await cursors.tryAcquire({ home: ns, consumer: "index" }), null);
      const reading = take(stale.follow(), 3);
      await kv.delete(`${ns}__cursor:index#held`);
      await using next = await cursors.acquire({ home: ns, consumer: "index" });
      assert.ok((await next.commit({ namespace: ns, id: first! })).ok);
      await assert.rejects(stale.commit({ namespace: ns, id: second! }), withCode("LEASE_LOST"));
      await assert.rejects(reading, withCode("LEASE_LOST"));
      assert.equal(next.position(ns), first);
      assert.ok((await next.commit({ namespace: ns, id: second! })).ok);
    },
  },
  {
    name: "a commit whose check fails changes nothing",
    async run({ kv }, ns) {
      const [id] = await emit(kv, ns, 1);
      await using cursor = await new DurableCursors(kv, TTL).acquire({ home: ns, consumer: "index" });
      const checks = [
        { key: `${ns}a`, value: null },
        { key: `${ns}b`, value: encodeUtf8("1") },
      ];
      const ops = [{ type: "put" as const, key: `${ns}c`, value: encodeUtf8("1") }];
      assert.deepEqual(await cursor.commit({ namespace: ns, id: id! }, { checks, ops }), { ok: false, failed: 1 });
      assert.equal(cursor.position(ns), null);
      assert.equal(await kv.get(`${ns}c`), null);
    },
  },
  {
    name: "the events of several namespaces are consumed into one",
    async run({ kv }, ns) {
      const sources = ["a", "b"].map((name) => `${ns.slice(0, -1)}-${name}:`);
      const ids = await Promise.all(sources.map((source) => emit(kv, source, 5)));
      const options = { home: ns, consumer: "both", sources };
      const cursors = new DurableCursors(kv, TTL);
      for (const count of [3, 7]) {
        await using cursor = await cursors.acquire(options);
        await consume(cursor, ns, count);
      }
      const seen = await seenIn(kv, ns);
      for (const [index, source] of sources.entries()) {
        assert.deepEqual(
          seen.filter((id) => id.startsWith(source)),
          ids[index],
        );
      }
    },
  },
  {
    name: "a consumer that begins with what comes keeps where it began",
    async run({ kv }, ns) {
      const cursors = new DurableCursors(kv, TTL);
      await emit(kv, ns, 3);
      const options = { home: ns, consumer: "late", from: "now" as const };
      await (await cursors.acquire(options))[Symbol.asyncDispose]();
      const ids = await emit(kv, ns, 2);
      await using cursor = await cursors.acquire(options);
      await consume(cursor, ns, 2);
      assert.deepEqual(await seenIn(kv, ns), ids);
    },
  },
  {
    name: "a consumer that came too late is told, and goes on where it is sent",
    async run({ kv }, ns) {
      const ids = await emit(kv, ns, 6);
      await using cursor = await new DurableCursors(kv, TTL).acquire({ home: ns, consumer: "slow" });
      await consume(cursor, ns, 1);
      await new EventTrimmer(kv, { maxEvents: 2 }).trim(ns);
      const failure = await take(cursor.follow(), 1).catch((error: unknown) => error);
      assert.ok(isAspenError(failure) && failure.code === "EVENTS_COMPACTED");
      await cursor.seek(ns, (failure.details as { resume: string }).resume);
      await consume(cursor, ns, 2);
      await cursor.seek(ns, ids[4]!);
      await consume(cursor, ns, 1);
      assert.deepEqual(await seenIn(kv, ns), [ids[0], ids[4], ids[5], ids[5]]);
    },
  },
  {
    name: "bad cursors and places are refused",
    async run({ kv }, ns) {
      const cursors = new DurableCursors(kv, TTL);
      const invalid = withCode("INVALID_PARAMS");
      for (const wrong of [{ home: "a" }, { consumer: "" }, { consumer: "a:b" }, { sources: ["b"] }]) {
        await assert.rejects(cursors.tryAcquire({ home: ns, consumer: "a", ...wrong }), invalid);
      }
      const [first, second] = await emit(kv, ns, 2);
      await using cursor = await cursors.acquire({ home: ns, consumer: "a" });
      assert.ok((await cursor.commit({ namespace: ns, id: second! })).ok);
      for (const id of [first!, second!, "x"]) await assert.rejects(cursor.commit({ namespace: ns, id }), invalid);
      await assert.rejects(cursor.commit({ namespace: "other:", id: first! }), invalid);
      await kv.put(`${ns}__cursor:b:${ns}`, encodeUtf8("x"));
      await assert.rejects(cursors.acquire({ home: ns, consumer: "b" }), withCode("STORE_INCONSISTENT"));
      assert.equal(await kv.get(`${ns}__cursor:b#held`), null);
    },
  },
  {
    name: "a commit that arrives late changes nothing, also when the cursor was moved back to where it was",
    async run({ kv }, ns) {
      const delaying = new Delaying(kv, [ns]);
      const [first, second] = await emit(kv, ns, 2);
      await using cursor = await new DurableCursors(delaying, TTL).acquire({ home: ns, consumer: "index" });
      await cursor.commit({ namespace: ns, id: first! });
      delaying.delays = true;
      const ops = [{ type: "append" as const, prefix: `${ns}seen:`, value: encodeUtf8("second") }];
      assert.ok((await cursor.commit({ namespace: ns, id: second! }, { ops })).ok);
      await cursor.seek(ns, first!);
      assert.equal((await delaying.late())?.ok, false);
      assert.deepEqual(await seenIn(kv, ns), ["second"]);
      assert.ok((await cursor.commit({ namespace: ns, id: second! }, { ops })).ok);
      assert.deepEqual(await seenIn(kv, ns), ["second", "second"]);
    },
  },
];
