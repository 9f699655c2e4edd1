import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@aspen/plugin-api";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { EmbeddedStore } from "../src/drivers/embedded/index.js";
import { MemoryStore } from "../src/drivers/memory/index.js";
import { RedisStore } from "../src/drivers/redis/index.js";
import type { KeyValueStore } from "../src/index.js";
import { RedisServer } from "../src/testing/index.js";

/** The soak sets more. */
const RUNS = Number(process.env.ASPEN_RUNS ?? 60);
const NO_BYTES = new Uint8Array(0);

/** Keys with common beginnings, controls, wildcards and characters of every length in UTF-8. */
const name = fc.oneof(
  fc.string({ maxLength: 6, unit: fc.constantFrom("a", "b", "\u0000", ":", "*", "[", "\u007f", "ß", "￿", "🦔") }),
  fc.string({ maxLength: 8, unit: "grapheme" }),
);

interface Plan {
  stable: string[];
  /** Each is put when it is absent and deleted when it is there, two after each page. */
  moving: string[];
  limits: number[];
  reverse: boolean;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  stable: fc.uniqueArray(name, { minLength: 1, maxLength: 30 }),
  moving: fc.array(name, { maxLength: 30 }),
  limits: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
  reverse: fc.boolean(),
});

let runs = 0;

/** A page, then a few writes, then the next page: the keys that were there throughout come once, in byte order. */
async function pagesAreOneScan(kv: KeyValueStore, { stable, moving, limits, reverse }: Plan) {
  runs += 1;
  const prefix = `page-${runs}:`;
  const kept = new Set(stable);
  for (const key of stable) await kv.put(prefix + key, NO_BYTES);
  const changes = moving.filter((key) => !kept.has(key));
  const seen: string[] = [];
  let cursor: string | undefined;
  let page = 0;
  do {
    const limit = limits[page % limits.length]!;
    const { entries, cursor: next } = await kv.scan({ prefix, limit, reverse, ...(cursor ? { after: cursor } : {}) });
    expect(entries.length).toBeLessThanOrEqual(limit);
    seen.push(...entries.map(({ key }) => key.slice(prefix.length)));
    cursor = next;
    page += 1;
    for (const key of changes.splice(0, 2)) {
      if (!(await kv.delete(prefix + key))) await kv.put(prefix + key, encodeUtf8("moving"));
    }
  } while (cursor !== undefined);
  const order = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)) * (reverse ? -1 : 1);
  expect(seen).toEqual([...seen].sort(order));
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.filter((key) => kept.has(key))).toEqual([...stable].sort(order));
}

const property = (kv: KeyValueStore) =>
  fc.assert(
    fc.asyncProperty(plan, (it) => pagesAreOneScan(kv, it)),
    { numRuns: RUNS },
  );

test("pages under writes equal one scan for what was there throughout: memory", async () => {
  await using store = new MemoryStore();
  await property(store.kv);
});

test("pages under writes equal one scan for what was there throughout: embedded", async () => {
  const directory = await mkdtemp(join(tmpdir(), "aspen-paging-"));
  {
    await using store = await EmbeddedStore.open({ directory, durability: "relaxed" });
    await property(store.kv);
  }
  await rm(directory, { recursive: true });
});

test("pages under writes equal one scan for what was there throughout: Redis", async () => {
  await using server = await RedisServer.start();
  await using store = await RedisStore.open({ url: server.url });
  await property(store.kv);
});
