import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { isAspenError } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import type { ConformanceCase } from "@aspen/storage/testing";
import { eventOp } from "../events/event.js";
import { EventLog } from "../events/event-log.js";
import { EventTrimmer } from "../events/event-trimmer.js";
import { take } from "./taking.js";

/** Emits so many events, and says their ids. */
async function emit(kv: KeyValueStore, namespace: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let left = count; left > 0; left -= 500) {
    const ops = Array.from({ length: Math.min(left, 500) }, () => eventOp(namespace, { topic: "test.trimmed" }));
    const result = await kv.transact({ checks: [], ops });
    assert.ok(result.ok);
    ids.push(...result.appended);
  }
  return ids;
}

const idsOf = async (kv: KeyValueStore, namespace: string, after?: string): Promise<string[]> => {
  const events = await new EventLog(kv).read(namespace, { limit: 1000, ...(after === undefined ? {} : { after }) });
  return events.map(({ id }) => id);
};

/** What a follower from a place fails with, which says where to go on. */
async function compactedAfter(kv: KeyValueStore, namespace: string, after: string): Promise<string> {
  const events = new EventLog(kv).follow({ namespaces: [namespace], after: { [namespace]: after } });
  const failure = await take(events, 1).catch((error: unknown) => error);
  assert.ok(isAspenError(failure) && failure.code === "EVENTS_COMPACTED", String(failure));
  const details = failure.details as { namespace: string; resume: string };
  assert.equal(details.namespace, namespace);
  return details.resume;
}

/** What the trimming of events promises on every store. */
export const eventTrimmerCases: readonly ConformanceCase[] = [
  {
    name: "what is over the number is dropped, the oldest first, and readers of it are told where to go on",
    async run({ kv }, ns) {
      const trimmer = new EventTrimmer(kv, { maxEvents: 100 });
      assert.deepEqual(await trimmer.trim(ns), { dropped: 0, count: 0, bytes: 0 });
      const ids = await emit(kv, ns, 1200);
      const first = await trimmer.trim(ns);
      assert.equal(first?.dropped, 1100);
      assert.equal(first?.count, 100);
      assert.deepEqual(await idsOf(kv, ns), ids.slice(1100));
      assert.deepEqual(await trimmer.trim(ns), { ...first, dropped: 0 });

      const resume = await compactedAfter(kv, ns, ids[1098]!);
      assert.equal(resume, ids[1099]);
      await assert.rejects(idsOf(kv, ns, ids[3]!), (error) => isAspenError(error) && error.code === "EVENTS_COMPACTED");
      assert.deepEqual(await idsOf(kv, ns, resume), ids.slice(1100));

      const later = await emit(kv, ns, 50);
      assert.equal((await trimmer.trim(ns))?.dropped, 50);
      assert.deepEqual(await idsOf(kv, ns), [...ids.slice(1150), ...later]);
    },
  },
  {
    name: "pages of what is no event keep none that follow from being dropped",
    async run({ kv }, ns) {
      for (const page of [0, 1]) {
        const keys = Array.from({ length: 500 }, (_, i) => `${ns}__events:!${page}-${i}`);
        const ops = keys.map((key) => ({ type: "put" as const, key, value: new Uint8Array(1) }));
        assert.ok((await kv.transact({ checks: [], ops })).ok);
      }
      const ids = await emit(kv, ns, 5);
      const result = await new EventTrimmer(kv, { maxEvents: 2 }).trim(ns);
      assert.deepEqual([result?.dropped, result?.count], [3, 2]);
      assert.deepEqual(await idsOf(kv, ns), ids.slice(3));
    },
  },
  {
    name: "what is over the bytes is dropped",
    async run({ kv }, ns) {
      await emit(kv, ns, 10);
      const all = await new EventTrimmer(kv).trim(ns);
      assert.equal(all?.count, 10);
      const half = await new EventTrimmer(kv, { maxBytes: all!.bytes / 2 }).trim(ns);
      assert.deepEqual(half, { dropped: 5, count: 5, bytes: all!.bytes / 2 });
      assert.deepEqual(await new EventTrimmer(kv, { maxBytes: 0 }).trim(ns), { dropped: 5, count: 0, bytes: 0 });
      assert.deepEqual(await idsOf(kv, ns), []);
    },
  },
  {
    name: "what is too old is dropped, and what cannot be read with it",
    async run({ kv }, ns) {
      const [first] = await emit(kv, ns, 3);
      await kv.transact({ checks: [], ops: [{ type: "append", prefix: `${ns}__events:`, value: new Uint8Array(1) }] });
      await delay(30);
      assert.equal((await new EventTrimmer(kv, { maxAgeMs: 3_600_000 }).trim(ns))?.dropped, 0);
      assert.equal((await new EventTrimmer(kv, { maxAgeMs: 10 }).trim(ns))?.dropped, 4);
      const later = await emit(kv, ns, 2);
      assert.equal((await new EventTrimmer(kv, { maxAgeMs: 3_600_000 }).trim(ns))?.dropped, 0);
      assert.deepEqual(await idsOf(kv, ns), later);
      assert.deepEqual(await idsOf(kv, ns, await compactedAfter(kv, ns, first!)), later);
    },
  },
  {
    name: "a follower that keeps up does not notice the trimming",
    async run({ kv }, ns) {
      const trimmer = new EventTrimmer(kv, { maxEvents: 3 });
      const events = new EventLog(kv).follow({ namespaces: [ns] });
      for (let round = 0; round < 10; round++) {
        const ids = await emit(kv, ns, 5);
        assert.deepEqual(
          (await take(events, 5)).map(({ id }) => id),
          ids,
        );
        assert.equal((await trimmer.trim(ns))?.count, 3);
      }
      await events.return();
    },
  },
  {
    name: "of those who trim at once, one does",
    async run({ kv }, ns) {
      const ids = await emit(kv, ns, 1500);
      const trimmers = Array.from({ length: 4 }, () => new EventTrimmer(kv, { maxEvents: 10 }).trim(ns));
      const done = (await Promise.all(trimmers)).filter((trimmed) => trimmed !== null);
      assert.equal(
        done.reduce((sum, { dropped }) => sum + dropped, 0),
        1490,
      );
      assert.deepEqual(await idsOf(kv, ns), ids.slice(-10));
    },
  },
];
