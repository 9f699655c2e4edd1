import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api/abi";
import type { KeyValueStore, KvEvent, WatchOptions } from "../../kv/key-value-store.js";
import type { ConformanceCase } from "../conformance-case.js";
import { rejectsWith } from "../rejects-with.js";

const bytes = encodeUtf8;

/** An event as text: `entry a=1`, `put a=1`, `delete a`, `expired a`, `synced`. */
function shown(event: KvEvent, ns: string): string {
  if (event.type === "synced") return "synced";
  const key = event.key.slice(ns.length);
  if (event.type === "delete") return `${event.expired ? "expired" : "delete"} ${key}`;
  return `${event.type} ${key}=${decodeUtf8(event.value)}`;
}

/** Takes events off a watch one by one; fails when one does not come within 10 s. */
class Reader {
  readonly #controller = new AbortController();
  readonly #events: AsyncIterator<KvEvent>;
  version = 0;

  constructor(
    kv: KeyValueStore,
    private readonly ns: string,
    options: WatchOptions = {},
  ) {
    this.#events = kv.watch(ns, { ...options, signal: this.#controller.signal })[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<string[]> {
    const texts: string[] = [];
    while (texts.length < count) {
      // Its timer also keeps the process alive while nothing else does.
      const waited = new AbortController();
      const late = delay(10_000, null, { signal: waited.signal }).catch(() => null);
      const next = await Promise.race([this.#events.next(), late]).finally(() => waited.abort());
      if (!next) throw new Error(`only ${JSON.stringify(texts)} came of ${count} events`);
      if (next.done) throw new Error(`the watch ended after ${JSON.stringify(texts)}`);
      assert.ok(next.value.version >= this.version || next.value.type === "entry", "versions go back");
      if (next.value.type !== "entry") this.version = next.value.version;
      texts.push(shown(next.value, this.ns));
    }
    return texts;
  }

  /** Ends it; what is left of it ends without an error. */
  async end(): Promise<void> {
    const next = this.#events.next();
    this.#controller.abort();
    while (!(await next).done) if ((await this.#events.next()).done) return;
  }
}

export const watchCases: readonly ConformanceCase[] = [
  {
    name: "a watch tells the snapshot, then every change in order",
    async run({ kv }, ns) {
      await kv.put(`${ns}a`, bytes("1"));
      await kv.put(`${ns}b`, bytes("1"));
      const watch = new Reader(kv, ns);
      assert.deepEqual(await watch.take(3), ["entry a=1", "entry b=1", "synced"]);
      await kv.put(`${ns}a`, bytes("2"));
      await kv.put(`${ns}a`, bytes("3"));
      await kv.delete(`${ns}b`);
      await kv.delete(`${ns}b`);
      await kv.compareAndSwap(`${ns}c`, null, bytes("1"));
      await kv.compareAndSwap(`${ns}c`, bytes("1"), null);
      await kv.compareAndSwap(`${ns}c`, bytes("1"), bytes("2"));
      await kv.transact({
        checks: [],
        ops: [
          { type: "put", key: `${ns}d`, value: bytes("1") },
          { type: "delete", key: `${ns}a` },
        ],
      });
      assert.deepEqual(await watch.take(7), [
        "put a=2",
        "put a=3",
        "delete b",
        "put c=1",
        "delete c",
        "put d=1",
        "delete a",
      ]);
      await watch.end();
    },
  },
  {
    name: "a watch sees neither other namespaces nor other prefixes",
    async run({ kv }, ns) {
      const watch = new Reader(kv, `${ns}in/`);
      assert.deepEqual(await watch.take(1), ["synced"]);
      await kv.put(`${ns}out`, bytes("1"));
      await kv.put(`x${ns}in/a`, bytes("1"));
      await kv.put(`${ns}in/a`, bytes("1"));
      assert.deepEqual(await watch.take(1), ["put a=1"]);
      await watch.end();
    },
  },
  {
    name: "a watch goes on from a version without gap or duplicate",
    async run({ kv }, ns) {
      const first = new Reader(kv, ns);
      await first.take(1);
      await kv.put(`${ns}a`, bytes("1"));
      await first.take(1);
      await first.end();
      await kv.put(`${ns}a`, bytes("2"));
      await kv.put(`${ns}b`, bytes("1"));
      const second = new Reader(kv, ns, { since: first.version });
      assert.deepEqual(await second.take(2), ["put a=2", "put b=1"]);
      await kv.put(`${ns}c`, bytes("1"));
      assert.deepEqual(await second.take(1), ["put c=1"]);
      await second.end();
    },
  },
  {
    name: "an entry that expires is told as deleted",
    async run({ kv }, ns) {
      const watch = new Reader(kv, ns);
      await watch.take(1);
      await kv.put(`${ns}a`, bytes("1"), { ttlMs: 50 });
      await kv.put(`${ns}b`, bytes("1"));
      assert.deepEqual(await watch.take(3), ["put a=1", "put b=1", "expired a"]);
      await watch.end();
    },
  },
  {
    name: "a snapshot under writes ends in the state that is there",
    async run({ kv }, ns) {
      const keys = Array.from({ length: 50 }, (_, i) => `${ns}${i}`);
      for (const key of keys) await kv.put(key, bytes("0"));
      let writing = true;
      const writer = (async () => {
        for (let i = 1; writing; i++) {
          const key = keys[(i * 7) % keys.length]!;
          await (i % 5 === 0 ? kv.delete(key) : kv.put(key, bytes(String(i))));
        }
      })();
      const state = new Map<string, string>();
      const controller = new AbortController();
      let version = 0;
      let changes = 0;
      for await (const event of kv.watch(ns, { signal: controller.signal })) {
        if (event.type === "synced") version = event.version;
        else if (event.type === "delete") state.delete(event.key);
        else state.set(event.key, decodeUtf8(event.value));
        if (version > 0 && event.type !== "synced") {
          assert.ok(event.version >= version, "a change from before the snapshot");
          version = event.version;
          changes += 1;
        }
        if (changes === 100) {
          writing = false;
          await writer;
          await kv.put(`${ns}last`, bytes("end"));
        }
        if (event.type === "put" && event.key === `${ns}last`) controller.abort();
      }
      const stored = await kv.scan({ prefix: ns });
      assert.deepEqual(
        [...state].sort(([a], [b]) => (a < b ? -1 : 1)),
        stored.entries.map(({ key, value }) => [key, decodeUtf8(value)]).sort(([a], [b]) => (a! < b! ? -1 : 1)),
      );
    },
  },
  {
    name: "one that comes too late is told so",
    async run({ kv }, ns) {
      const watch = new Reader(kv, ns);
      await watch.take(1);
      const value = new Uint8Array(1024 * 1024);
      for (let i = 0; i < 18; i++) await kv.put(`${ns}${i}`, value);
      await rejectsWith("WATCH_COMPACTED", watch.take(18));
      await rejectsWith("WATCH_COMPACTED", new Reader(kv, ns, { since: 1 }).take(1));
      await rejectsWith("WATCH_COMPACTED", new Reader(kv, ns, { since: 1_000_000 }).take(1));
    },
  },
  {
    name: "closing the store ends its watches",
    async run(store, ns) {
      const watch = new Reader(store.kv, ns);
      await watch.take(1);
      const next = watch.take(1);
      const told = rejectsWith("STORE_UNAVAILABLE", next);
      await delay(20);
      await store[Symbol.asyncDispose]();
      await told;
    },
  },
  {
    name: "a watch needs a whole namespace",
    async run({ kv }, ns) {
      for (const prefix of ["", "a", "__plugin:", ns.slice(0, -1)]) {
        await rejectsWith("INVALID_PARAMS", new Reader(kv, prefix).take(1));
      }
      await rejectsWith("INVALID_PARAMS", new Reader(kv, ns, { since: -1 }).take(1));
    },
  },
];
