import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@aspen/plugin-api";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { EmbeddedStore } from "../src/drivers/embedded/index.js";
import { MemoryStore } from "../src/drivers/memory/index.js";
import { RedisStore } from "../src/drivers/redis/index.js";
import type { KeyValueStore, Store } from "../src/index.js";
import { RedisServer } from "../src/testing/index.js";

let directory: string;
let redis: RedisServer;
const stores: Store[] = [];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-model-"));
  redis = await RedisServer.start();
  stores.push(
    await EmbeddedStore.open({ directory, durability: "relaxed" }),
    await RedisStore.open({ url: redis.url }),
  );
});
afterAll(async () => {
  for (const store of stores) await store[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const key = fc.constantFrom("a", "b", "ab", "a:b", "ż", "\u{10FFFF}", "\u0000");
const value = fc.constantFrom("", "1", "2", "\u0000").map(encodeUtf8);
const optional = fc.option(value, { nil: null });
const step = fc.oneof(
  fc.record({ put: key, value }),
  fc.record({ delete: key }),
  fc.record({ cas: key, expected: optional, next: optional }),
  fc.record({
    transact: fc.array(fc.record({ key, value: optional, append: fc.boolean() }), { maxLength: 3 }),
    check: key,
    expected: optional,
  }),
  fc.record({ scan: fc.constantFrom("", "a", "a:"), reverse: fc.boolean(), limit: fc.integer({ min: 1, max: 4 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** What a step answers, without versions and cursors, which stores may choose. */
async function perform(kv: KeyValueStore, ns: string, it: Step): Promise<unknown> {
  if ("put" in it) return void (await kv.put(ns + it.put, it.value));
  if ("delete" in it) return kv.delete(ns + it.delete);
  if ("cas" in it) {
    const result = await kv.compareAndSwap(ns + it.cas, it.expected, it.next);
    return result.ok ? true : result.actual && [...result.actual.value];
  }
  if ("transact" in it) {
    const result = await kv.transact({
      checks: [{ key: ns + it.check, value: it.expected }],
      ops: it.transact.map(({ key, value, append }) => {
        if (!value) return { type: "delete", key: ns + key };
        return append ? { type: "append", prefix: ns + key, value } : { type: "put", key: ns + key, value };
      }),
    });
    // The versions of a namespace that begins with the run are the same in every store.
    return result.ok ? result.appended : false;
  }
  const page = await kv.scan({ prefix: ns + it.scan, reverse: it.reverse, limit: it.limit });
  return [page.entries.map((entry) => [entry.key.slice(ns.length), ...entry.value]), page.cursor !== undefined];
}

describe("every driver", () => {
  let runs = 0;
  test("does what the one in memory does", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        await using model = new MemoryStore();
        runs += 1;
        const ns = `run${runs}:`;
        for (const it of steps) {
          const expected = await perform(model.kv, ns, it);
          for (const store of stores) expect(await perform(store.kv, ns, it)).toEqual(expected);
        }
      }),
      { numRuns: 60, seed: 20_260_101 },
    );
  });
});
