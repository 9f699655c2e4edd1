import { type KeyValueStore, storageErrors } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { RateLimit } from "../src/index.js";

const CAPACITY = 5;
const PER_SECOND = 2;
const OPTIONS = { prefix: "limits:", capacity: CAPACITY, perSecond: PER_SECOND };

const step = fc.record({
  node: fc.nat(2),
  /** Whether the node starts anew and knows nothing. */
  restart: fc.boolean(),
  afterMs: fc.nat(2000),
  tokens: fc.integer({ min: 1, max: CAPACITY }),
});

describe("a rate limit against plain arithmetic", () => {
  test("nodes with any clocks never take more than the bucket and its rate allow", async () => {
    const origins = fc.tuple(fc.nat(10 ** 12), fc.nat(10 ** 12), fc.nat(10 ** 12));
    const steps = fc.array(step, { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(origins, steps, fc.integer({ min: 1, max: CAPACITY }), async (origins, steps, batch) => {
        await using store = new MemoryStore();
        let now = 0;
        const start = (node: number) =>
          new RateLimit(store.kv, { ...OPTIONS, batch, monotonicNow: () => origins[node]! + now });
        const nodes = [0, 1, 2].map(start);
        let taken = 0;
        for (const { node, restart, afterMs, tokens } of steps) {
          now += afterMs;
          if (restart) nodes[node] = start(node);
          if ((await nodes[node]!.take("a", tokens)).ok) taken += tokens;
          expect(taken).toBeLessThanOrEqual(CAPACITY + (now * PER_SECOND) / 1000 + 1e-6);
        }
      }),
    );
  });

  test("one node takes exactly what a token bucket gives, and can take after retryAfterMs", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        await using store = new MemoryStore();
        let now = 0;
        const limit = new RateLimit(store.kv, { ...OPTIONS, monotonicNow: () => now });
        // Whole thousandths of a token, so that the model is exact.
        let model = CAPACITY * 1000;
        const pass = (ms: number) => {
          now += ms;
          model = Math.min(CAPACITY * 1000, model + ms * PER_SECOND);
        };
        for (const { afterMs, tokens } of steps) {
          pass(afterMs);
          const result = await limit.take("a", tokens);
          // When they are equal, the last digit of a fraction decides.
          if (model !== tokens * 1000) expect(result.ok).toBe(model > tokens * 1000);
          if (result.ok) {
            model -= tokens * 1000;
            continue;
          }
          pass(result.retryAfterMs + 1);
          expect((await limit.take("a", tokens)).ok).toBe(true);
          model -= tokens * 1000;
        }
      }),
    );
  });
});

test("a store that cannot be reached is a refusal, for all that wait", async () => {
  await using store = new MemoryStore();
  let broken = false;
  const kv = new Proxy<KeyValueStore>(store.kv, {
    get(target, name: keyof KeyValueStore) {
      if (broken) return () => Promise.reject(storageErrors.unavailable("it is broken"));
      return target[name].bind(target);
    },
  });
  const limit = new RateLimit(kv, { ...OPTIONS, perSecond: 0.001, monotonicNow: () => 0 });
  expect((await limit.take("a")).ok).toBe(true);
  broken = true;
  const takes = await Promise.allSettled([limit.take("a"), limit.take("a"), limit.take("b")]);
  for (const take of takes) expect(take).toMatchObject({ status: "rejected", reason: { code: "STORE_UNAVAILABLE" } });
  broken = false;
  expect(await limit.take("a", 4)).toEqual({ ok: true, remaining: 0, retryAfterMs: 0 });
});

test("a node forgets the buckets that it used least recently", async () => {
  await using store = new MemoryStore();
  const limit = new RateLimit(store.kv, { ...OPTIONS, batch: 5, maxKeys: 1, perSecond: 0.001, monotonicNow: () => 0 });
  expect((await limit.take("a")).remaining).toBe(4);
  await limit.take("b");
  expect(await limit.take("a")).toMatchObject({ ok: false, remaining: 0 });
});

test("bad options are refused", async () => {
  await using store = new MemoryStore();
  const bad = [
    { capacity: 0 },
    { capacity: 1.5 },
    { perSecond: 0 },
    { perSecond: -1 },
    { perSecond: Number.NaN },
    { perSecond: Number.POSITIVE_INFINITY },
    { batch: 6 },
    { maxKeys: 0 },
    { prefix: "bare" },
  ];
  for (const options of bad) {
    expect(() => new RateLimit(store.kv, { ...OPTIONS, ...options })).toThrow(
      expect.objectContaining({ code: "INVALID_PARAMS" }),
    );
  }
});
