import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api/abi";
import type { KvEvent } from "../../kv/key-value-store.js";
import type { StoredEntry, StoreMaintenance } from "../../maintenance/contract.js";
import type { Store } from "../../store.js";
import type { ConformanceCase } from "../conformance-case.js";
import { rejectsWith } from "../rejects-with.js";

const bytes = encodeUtf8;

interface MaintenanceCase {
  name: string;
  run(store: Store & { maintenance: StoreMaintenance }, namespace: string): Promise<void>;
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

async function entriesOf(maintenance: StoreMaintenance, ns: string): Promise<StoredEntry[]> {
  return (await collect(maintenance.entries())).filter(({ key }) => key.startsWith(ns));
}

async function versionOf(maintenance: StoreMaintenance, ns: string): Promise<number | undefined> {
  return (await collect(maintenance.namespaces())).find(({ namespace }) => namespace === ns)?.version;
}

/** Waits at most 10 s for the watch's next event. */
async function next(watch: AsyncIterator<KvEvent>): Promise<KvEvent> {
  const waited = new AbortController();
  const late = delay(10_000, null, { signal: waited.signal }).catch(() => null);
  const result = await Promise.race([watch.next(), late]).finally(() => waited.abort());
  if (!result || result.done) throw new Error("no event came");
  return result.value;
}

const cases: readonly MaintenanceCase[] = [
  {
    name: "every entry is told once, with its version and expiry, and none that has expired",
    async run({ kv, maintenance }, ns) {
      const many = Array.from({ length: 1203 }, (_, i) => `${ns}${String(i).padStart(5, "0")}`);
      const versions = await Promise.all(many.map((key) => kv.put(key, bytes(key))));
      const before = Date.now();
      await kv.put(`${ns}x-late`, bytes("1"), { ttlMs: 60_000 });
      const after = Date.now();
      await kv.put(`${ns}y-gone`, bytes("1"), { ttlMs: 20 });
      const big = new Uint8Array(1024 * 1024).fill(7);
      for (let i = 0; i < 6; i++) await kv.put(`${ns}z${i}`, big);
      await delay(40);
      const entries = await entriesOf(maintenance, ns);
      const keys = [...many, `${ns}x-late`, ...Array.from({ length: 6 }, (_, i) => `${ns}z${i}`)];
      assert.deepEqual(
        entries.map(({ key }) => key),
        keys,
      );
      for (const [i, key] of many.entries()) {
        assert.deepEqual(entries[i], { key, value: bytes(key), version: versions[i], expiresAt: 0 });
      }
      const late = entries[many.length]!.expiresAt;
      // The store's clock may be another one than this process's.
      assert.ok(late >= before + 55_000 && late <= after + 65_000, `expires at ${late}`);
      assert.equal(Buffer.compare(entries.at(-1)!.value, big), 0);
    },
  },
  {
    name: "restored entries are there as they were, are told to watches, and share a new version",
    async run({ kv, maintenance }, ns) {
      const first = await kv.put(`${ns}a`, bytes("old"), { ttlMs: 60_000 });
      const controller = new AbortController();
      const watch = kv.watch(ns, { signal: controller.signal })[Symbol.asyncIterator]();
      assert.equal((await next(watch)).type, "entry");
      assert.equal((await next(watch)).type, "synced");
      const expiresAt = Date.now() + 3_600_000;
      const restored = await maintenance.restore([
        { key: `${ns}a`, value: bytes("new"), expiresAt: 0 },
        { key: `${ns}b`, value: bytes("2"), expiresAt },
        { key: `${ns}c`, value: bytes("3"), expiresAt: Date.now() - 60_000 },
      ]);
      assert.deepEqual(restored, { written: 2, expired: 1 });
      const version = first + 1;
      assert.deepEqual(await entriesOf(maintenance, ns), [
        { key: `${ns}a`, value: bytes("new"), version, expiresAt: 0 },
        { key: `${ns}b`, value: bytes("2"), version, expiresAt },
      ]);
      assert.deepEqual(
        (await kv.scan({ prefix: ns })).entries.map(({ key }) => key),
        [`${ns}a`, `${ns}b`],
      );
      assert.deepEqual(await next(watch), { type: "put", key: `${ns}a`, value: bytes("new"), version });
      assert.deepEqual(await next(watch), { type: "put", key: `${ns}b`, value: bytes("2"), version });
      controller.abort();
      assert.deepEqual(await maintenance.restore([]), { written: 0, expired: 0 });
      assert.deepEqual(await maintenance.restore([{ key: `${ns}d`, value: bytes(""), expiresAt: 1 }]), {
        written: 0,
        expired: 1,
      });
      assert.equal(await versionOf(maintenance, ns), version);
    },
  },
  {
    name: "what no store takes is not restored",
    async run({ kv, maintenance }, ns) {
      const entry = (key: string, value = bytes("1"), expiresAt = 0) => ({ key, value, expiresAt });
      await rejectsWith("KV_KEY_INVALID", maintenance.restore([entry(`${ns}ok`), entry("")]));
      await rejectsWith("CROSS_NAMESPACE", maintenance.restore([entry(`${ns}ok`), entry(`x${ns}ok`)]));
      await rejectsWith("PAYLOAD_TOO_LARGE", maintenance.restore([entry(`${ns}ok`, new Uint8Array(1024 * 1024 + 1))]));
      for (const expiresAt of [-1, 0.5, Number.NaN]) {
        await rejectsWith("INVALID_PARAMS", maintenance.restore([entry(`${ns}ok`, bytes("1"), expiresAt)]));
      }
      const many = Array.from({ length: 1001 }, (_, i) => entry(`${ns}${i}`));
      await rejectsWith("INVALID_PARAMS", maintenance.restore(many));
      assert.deepEqual((await kv.scan({ prefix: ns })).entries, []);
    },
  },
  {
    name: "a restored entry expires",
    async run({ kv, maintenance }, ns) {
      // Its clock may be some seconds off that of the store only when that is another machine.
      await maintenance.restore([{ key: `${ns}a`, value: bytes("1"), expiresAt: Date.now() + 150 }]);
      await delay(300);
      assert.equal(await kv.get(`${ns}a`), null);
      assert.deepEqual((await kv.scan({ prefix: ns })).entries, []);
      assert.deepEqual(await entriesOf(maintenance, ns), []);
    },
  },
  {
    name: "a version is raised, never lowered, and no version is given twice",
    async run({ kv, maintenance }, ns) {
      const first = await kv.put(`${ns}a`, bytes("1"));
      assert.equal(await maintenance.raiseVersion(ns, first + 1000), first + 1000);
      assert.equal(await maintenance.raiseVersion(ns, 1), first + 1000);
      assert.equal(await kv.put(`${ns}b`, bytes("1")), first + 1001);
      assert.equal(await versionOf(maintenance, ns), first + 1001);
      assert.equal((await kv.get(`${ns}a`))!.version, first);
      const fresh = `${ns.slice(0, -1)}-fresh:`;
      assert.equal(await maintenance.raiseVersion(fresh, 77), 77);
      assert.equal(await versionOf(maintenance, fresh), 77);
      assert.equal(await kv.put(`${fresh}a`, bytes("1")), 78);
      assert.ok((await kv.scan({ prefix: "", limit: 10_000 })).entries.some(({ key }) => key === `${fresh}a`));
      for (const version of [-1, 0.5, Number.MAX_SAFE_INTEGER]) {
        await rejectsWith("INVALID_PARAMS", maintenance.raiseVersion(ns, version));
      }
      await rejectsWith("INVALID_PARAMS", maintenance.raiseVersion(`${ns}a`, 1));
    },
  },
  {
    name: "a watch from before a raised version begins anew, one from after goes on",
    async run({ kv, maintenance }, ns) {
      const first = await kv.put(`${ns}a`, bytes("1"));
      const watch = kv.watch(ns)[Symbol.asyncIterator]();
      assert.equal((await next(watch)).type, "entry");
      assert.equal((await next(watch)).type, "synced");
      const waiting = next(watch);
      const told = rejectsWith("WATCH_COMPACTED", waiting);
      await maintenance.raiseVersion(ns, first + 1000);
      await told;
      await rejectsWith("WATCH_COMPACTED", next(kv.watch(ns, { since: first })[Symbol.asyncIterator]()));
      const controller = new AbortController();
      const since = kv.watch(ns, { since: first + 1000, signal: controller.signal })[Symbol.asyncIterator]();
      const event = next(since);
      await delay(50);
      await kv.put(`${ns}b`, bytes("2"));
      assert.deepEqual(await event, { type: "put", key: `${ns}b`, value: bytes("2"), version: first + 1001 });
      controller.abort();
    },
  },
  {
    name: "nothing is found in a store that is well, also while it is written to",
    async run({ kv, maintenance }, ns) {
      let writing = true;
      const errors: unknown[] = [];
      const write = async (seed: number) => {
        for (let i = seed; writing; i = (i * 31 + 7) % 100_003) {
          const key = `${ns}${i % 40}`;
          // A store in memory never waits for anything.
          await new Promise((resolve) => setImmediate(resolve));
          if (i % 5 === 0) await kv.delete(key);
          else if (i % 5 === 1) await kv.put(key, bytes(String(i)), { ttlMs: 1 + (i % 30) });
          else if (i % 5 === 2) {
            await kv.transact({ checks: [], ops: [{ type: "put", key, value: bytes("t"), ttlMs: 5 }] });
          } else if (i % 5 === 3) await kv.compareAndSwap(key, null, bytes("c"));
          else await kv.put(key, bytes(String(i)));
        }
      };
      const writers = [1, 2, 3, 4].map((seed) => write(seed).catch((error) => errors.push(error)));
      const found: string[] = [];
      for (let round = 0; round < 8; round++) {
        for await (const { severity, kind, subject } of maintenance.verify()) {
          if (severity === "damage" && subject.startsWith(ns)) found.push(`${kind} ${subject}`);
        }
      }
      writing = false;
      await Promise.all(writers);
      assert.deepEqual(found, []);
      assert.deepEqual(errors, []);
    },
  },
  {
    name: "keys, bytes and namespaces are counted",
    async run({ kv, maintenance }, ns) {
      const before = await maintenance.stats({ largest: 10_000 });
      await kv.put(`${ns}a`, bytes("12345"));
      await kv.put(`${ns}żó`, new Uint8Array(300_000));
      await kv.put(`${ns}c`, bytes(""), { ttlMs: 60_000 });
      const stats = await maintenance.stats({ largest: 10_000 });
      const keyBytes = 3 * ns.length + 1 + 4 + 1;
      assert.deepEqual(
        stats.largest.find(({ namespace }) => namespace === ns),
        { namespace: ns, keys: 3, keyBytes, valueBytes: 300_005 },
      );
      // What other cases left may expire meanwhile.
      assert.ok(stats.keys <= before.keys + 3 && stats.valueBytes <= before.valueBytes + 300_005);
      const sums = stats.largest.map((each) => each.keyBytes + each.valueBytes);
      assert.deepEqual(
        sums,
        [...sums].sort((a, b) => b - a),
      );
      assert.equal((await maintenance.stats({ largest: 1 })).largest.length, 1);
      assert.ok(stats.namespaces >= 1 && stats.indexEntries >= 3 && stats.expiryEntries >= 1);
      for (const [name, value] of Object.entries(stats.storage)) assert.ok(Number.isSafeInteger(value), name);
    },
  },
  {
    name: "each work is ended by its signal",
    async run({ kv, maintenance }, ns) {
      await kv.put(`${ns}a`, bytes("1"));
      const signal = AbortSignal.abort();
      const works: (() => Promise<unknown>)[] = [
        () => collect(maintenance.entries({ signal })),
        () => collect(maintenance.namespaces({ signal })),
        () => collect(maintenance.verify({ signal })),
        () => maintenance.stats({ signal }),
        () => maintenance.raiseVersion(ns, 10_000, { signal }),
        () => maintenance.restore([{ key: `${ns}a`, value: bytes("2"), expiresAt: 0 }], { signal }),
      ];
      for (const work of works) await rejectsWith("CANCELLED", work());
      assert.equal(decodeUtf8((await kv.get(`${ns}a`))!.value), "1");
    },
  },
];

/** The rules of `StoreMaintenance`; each passes for a store that does not offer it. */
export const maintenanceCases: readonly ConformanceCase[] = cases.map(({ name, run }) => ({
  name,
  async run(store, namespace) {
    if (store.maintenance) await run(store as Store & { maintenance: StoreMaintenance }, namespace);
  },
}));
