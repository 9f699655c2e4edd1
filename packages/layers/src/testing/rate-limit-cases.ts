import assert from "node:assert/strict";
import { encodeUtf8, isAspenError } from "@aspen/plugin-api/abi";
import type { KeyValueStore } from "@aspen/storage";
import type { ConformanceCase } from "@aspen/storage/testing";
import { RateLimit } from "../rate-limit.js";

const invalid = (error: unknown): boolean => isAspenError(error) && error.code === "INVALID_PARAMS";

/** A node whose clock stands still until it is set. */
function nodeOf(kv: KeyValueStore, prefix: string, options: { batch?: number } = {}) {
  const clock = { now: 0 };
  const limit = new RateLimit(kv, {
    prefix,
    capacity: 10,
    // So slow that nothing expires in the store while the test runs.
    perSecond: 0.001,
    monotonicNow: () => clock.now,
    ...options,
  });
  return { limit, clock };
}

/** What a rate limit promises on every store. */
export const rateLimitCases: readonly ConformanceCase[] = [
  {
    name: "nodes that take at once get no more than the bucket holds",
    async run({ kv }, namespace) {
      const nodes = Array.from({ length: 4 }, () => nodeOf(kv, namespace));
      const takes = nodes.flatMap(({ limit }) => Array.from({ length: 8 }, () => limit.take("one")));
      const results = await Promise.all(takes);
      assert.equal(results.filter(({ ok }) => ok).length, 10);
      const refused = results.find(({ ok }) => !ok)!;
      assert.equal(refused.remaining, 0);
      assert.ok(refused.retryAfterMs > 0 && refused.retryAfterMs <= 1_000_000);
    },
  },
  {
    name: "tokens come back with time, whichever node's clock tells it",
    async run({ kv }, namespace) {
      const [a, b] = [nodeOf(kv, namespace), nodeOf(kv, namespace)];
      b.clock.now = 987_654_321;
      assert.deepEqual(await a.limit.take("one", 10), { ok: true, remaining: 0, retryAfterMs: 0 });
      assert.deepEqual(await b.limit.take("one", 2), { ok: false, remaining: 0, retryAfterMs: 2_000_000 });
      b.clock.now += 2_000_000;
      assert.equal((await b.limit.take("one", 2)).ok, true);
      // The same two seconds pass for the other node, but their tokens are taken.
      a.clock.now += 2_000_000;
      assert.equal((await a.limit.take("one", 2)).ok, false);
    },
  },
  {
    name: "a bucket that is full again leaves nothing in the store",
    async run({ kv }, namespace) {
      const limit = new RateLimit(kv, { prefix: namespace, capacity: 1, perSecond: 20 });
      await limit.take("one");
      while (await kv.get(`${namespace}one`)) await new Promise((resolve) => setTimeout(resolve, 10));
      assert.equal((await limit.take("one")).ok, true);
    },
  },
  {
    name: "a node hands out its batch without the store, and no more than that",
    async run({ kv }, namespace) {
      const [a, b] = [nodeOf(kv, namespace, { batch: 6 }), nodeOf(kv, namespace)];
      assert.equal((await a.limit.take("one")).remaining, 9);
      assert.equal((await b.limit.take("one", 4)).ok, true);
      assert.equal((await b.limit.take("one")).ok, false);
      const version = (await kv.get(`${namespace}one`))!.version;
      for (let i = 0; i < 5; i++) assert.equal((await a.limit.take("one")).ok, true);
      assert.equal((await a.limit.take("one")).ok, false);
      assert.equal((await kv.get(`${namespace}one`))!.version, version);
    },
  },
  {
    name: "bad amounts are refused, and what is no bucket is not replaced",
    async run({ kv }, namespace) {
      const { limit } = nodeOf(kv, namespace);
      for (const tokens of [0, -1, 1.5, 11, Number.NaN]) await assert.rejects(limit.take("one", tokens), invalid);
      await kv.put(`${namespace}one`, encodeUtf8("other"));
      await assert.rejects(limit.take("one"), invalid);
      assert.deepEqual((await kv.get(`${namespace}one`))!.value, encodeUtf8("other"));
    },
  },
];
