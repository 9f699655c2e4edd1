import { decodeUtf8, encodeUtf8, isAspenError } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { seededRandom } from "@aspen/storage/testing";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { DurableCursors, EventLog } from "../src/index.js";
import { faultyStore } from "./faults/faulty-store.js";

/** The soak sets more. */
const RUNS = Number(process.env.ASPEN_RUNS ?? 20);
const EVENTS = 25;
const seeds = fc.integer({ min: 1, max: 2 ** 30 });

/** Tries until it is applied; what was not heard of may be applied twice. */
async function persistently<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isAspenError(error) || !["STORE_UNAVAILABLE", "OUTCOME_UNKNOWN"].includes(error.code)) throw error;
    }
  }
}

async function emitAll(kv: KeyValueStore): Promise<void> {
  for (let n = 0; n < EVENTS; n++) await persistently(() => new EventLog(kv).emit("app:", { topic: "n", data: n }));
}

async function idsOf(kv: KeyValueStore): Promise<string[]> {
  return (await new EventLog(kv).read("app:", { limit: 1000 })).map(({ id }) => id);
}

test("a follower over a store that fails is told every event once, in order", async () => {
  await fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      await using store = new MemoryStore();
      const faulty = faultyStore(store.kv, seededRandom(seed));
      const ended = new AbortController();
      const events = new EventLog(faulty).follow({ namespaces: ["app:"], signal: ended.signal });
      const told: string[] = [];
      const following = (async () => {
        for await (const { id, topic } of events) {
          if (topic === "last") return;
          told.push(id);
        }
      })();
      await emitAll(faulty);
      await faulty.settled();
      const ids = await idsOf(store.kv);
      await new EventLog(store.kv).emit("app:", { topic: "last" });
      await following;
      expect(told).toEqual(ids);
    }),
    { numRuns: RUNS },
  );
});

test("a cursor over a store that fails, and whose writes arrive late, applies what belongs to an event once", async () => {
  await fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      await using store = new MemoryStore();
      const faulty = faultyStore(store.kv, seededRandom(seed));
      await emitAll(store.kv);
      const ids = await idsOf(store.kv);
      // One that was acquired without an answer is held until its TTL is over.
      const cursors = new DurableCursors(faulty, { ttlMs: 100, pollMs: 5 });
      const seen = async () => {
        const { entries } = await store.kv.scan({ prefix: "app:seen:" });
        return entries.map(({ value }) => decodeUtf8(value));
      };
      let done = 0;
      while (done < ids.length) {
        try {
          const cursor = await persistently(() => cursors.acquire({ home: "app:", consumer: "c" }));
          // The holder before may have lost the lease when it was done, and not have heard that it was.
          done = (await seen()).length;
          for await (const event of done === ids.length ? [] : cursor.follow()) {
            const result = await cursor.commit(event, {
              ops: [{ type: "append", prefix: "app:seen:", value: encodeUtf8(event.id) }],
            });
            if (!result.ok) throw new Error("there is no check to fail");
            const applied = await store.kv.get(result.appended[0]!);
            expect(applied && decodeUtf8(applied.value)).toBe(event.id);
            done = ids.indexOf(event.id) + 1;
            if (done === ids.length || done % 7 === 0) break;
          }
          await cursor[Symbol.asyncDispose]();
        } catch (error) {
          if (!isAspenError(error) || !["LEASE_LOST", "STORE_UNAVAILABLE", "OUTCOME_UNKNOWN"].includes(error.code))
            throw error;
        }
      }
      await faulty.settled();
      expect(await seen()).toEqual(ids);
    }),
    { numRuns: RUNS },
  );
});
