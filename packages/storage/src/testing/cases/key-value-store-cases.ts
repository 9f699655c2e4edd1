import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { decodeUtf8, encodeUtf8, isAspenError, LIMITS } from "@aspen/plugin-api/abi";
import { scanCursorAfter } from "../../kv/cursor.js";
import type { ConformanceCase } from "../conformance-case.js";
import { scanAll, text } from "../reading.js";
import { rejectsWith } from "../rejects-with.js";
import { appendCases } from "./append-cases.js";
import { keyValueInputCases } from "./key-value-input-cases.js";

const bytes = encodeUtf8;

export const keyValueStoreCases: readonly ConformanceCase[] = [
  {
    name: "an absent key is null",
    async run({ kv }, ns) {
      assert.equal(await kv.get(`${ns}a`), null);
      assert.equal(await kv.delete(`${ns}a`), false);
    },
  },
  {
    name: "what is put is got, byte for byte, with its version",
    async run({ kv }, ns) {
      for (const value of [new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(0, 255, 13, 10, 0), bytes("żółć 🦔")]) {
        const version = await kv.put(`${ns}a`, value);
        assert.deepEqual(await kv.get(`${ns}a`), { key: `${ns}a`, value: new Uint8Array(value), version });
      }
    },
  },
  {
    name: "values are copies: changing what was given or got changes nothing stored",
    async run({ kv }, ns) {
      const given = bytes("abc");
      const put = kv.put(`${ns}a`, given);
      given.fill(0);
      await put;
      const got = await kv.get(`${ns}a`);
      got?.value.fill(0);
      assert.equal(await text(kv, `${ns}a`), "abc");
      assert.equal((await kv.get(`${ns}a`))?.value.buffer.byteLength, 3);
    },
  },
  {
    name: "versions of a namespace grow with every write",
    async run({ kv }, ns) {
      const versions = [
        await kv.put(`${ns}a`, bytes("1")),
        await kv.put(`${ns}b`, bytes("1")),
        await kv.put(`${ns}a`, bytes("2")),
      ];
      await kv.delete(`${ns}a`);
      versions.push(await kv.put(`${ns}a`, bytes("3")));
      assert.deepEqual(
        versions,
        [...new Set(versions)].sort((a, b) => a - b),
      );
    },
  },
  {
    name: "delete says whether the key was there",
    async run({ kv }, ns) {
      await kv.put(`${ns}a`, bytes("1"));
      assert.equal(await kv.delete(`${ns}a`), true);
      assert.equal(await kv.delete(`${ns}a`), false);
      assert.equal(await kv.get(`${ns}a`), null);
    },
  },
  {
    name: "getMany answers in the order of the keys, null for the absent ones",
    async run({ kv }, ns) {
      await kv.put(`${ns}a`, bytes("1"));
      await kv.put(`${ns}b`, bytes("2"));
      const found = await kv.getMany([`${ns}b`, `${ns}x`, `${ns}a`, `${ns}b`]);
      assert.deepEqual(
        found.map((entry) => entry && decodeUtf8(entry.value)),
        ["2", null, "1", "2"],
      );
      assert.deepEqual(await kv.getMany([]), []);
      await rejectsWith("INVALID_PARAMS", kv.getMany(Array(LIMITS.batchOps + 1).fill(`${ns}a`)));
    },
  },
  {
    name: "scan goes in the byte order of the keys, both ways",
    async run({ kv }, ns) {
      const keys = ["a", "B", "ż", "aa", "\u{1F994}", "\uFFFD", "a\u0000", "~"].map((key) => ns + key);
      for (const key of keys) await kv.put(key, bytes(key));
      const ordered = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      for (const limit of [1, 3, 100]) {
        assert.deepEqual(await scanAll(kv, { prefix: ns, limit }), ordered);
        assert.deepEqual(await scanAll(kv, { prefix: ns, limit, reverse: true }), [...ordered].reverse());
      }
    },
  },
  {
    name: "scan meets the keys of its prefix and no others",
    async run({ kv }, ns) {
      for (const key of ["a", "a:", "a:1", "a:2", "ab", "b"]) await kv.put(ns + key, bytes("1"));
      assert.deepEqual(await scanAll(kv, { prefix: `${ns}a:` }), [`${ns}a:`, `${ns}a:1`, `${ns}a:2`]);
      assert.deepEqual(await scanAll(kv, { prefix: `${ns}a:`, reverse: true }), [`${ns}a:2`, `${ns}a:1`, `${ns}a:`]);
      assert.deepEqual(await scanAll(kv, { prefix: `${ns}c` }), []);
    },
  },
  {
    name: "a prefix that spans namespaces meets all of them",
    async run({ kv }, ns) {
      const stem = ns.slice(0, -1);
      for (const key of [`${stem}1:a`, `${stem}2:a`, `${stem}1:b`]) await kv.put(key, bytes("1"));
      assert.deepEqual(await scanAll(kv, { prefix: `${stem}1` }), [`${stem}1:a`, `${stem}1:b`]);
      const all = await scanAll(kv, { prefix: stem, limit: 1 });
      for (const key of [`${stem}1:a`, `${stem}1:b`, `${stem}2:a`]) assert.ok(all.includes(key), key);
    },
  },
  {
    name: "a page has values, or none with keysOnly, and a cursor only when more follows",
    async run({ kv }, ns) {
      for (const key of ["a", "b", "c"]) await kv.put(ns + key, bytes(key));
      const whole = await kv.scan({ prefix: ns });
      assert.deepEqual(
        whole.entries.map(({ value }) => decodeUtf8(value)),
        ["a", "b", "c"],
      );
      assert.equal(whole.cursor, undefined);
      const keys = await kv.scan({ prefix: ns, keysOnly: true, limit: 2 });
      assert.deepEqual(
        keys.entries.map(({ value }) => value.length),
        [0, 0],
      );
      assert.ok(keys.entries.every(({ version }) => version >= 1));
      assert.equal(typeof keys.cursor, "string");
      assert.equal((await kv.scan({ prefix: ns, limit: 3 })).cursor, undefined);
    },
  },
  {
    name: "pages of large values, also of several namespaces, leave nothing out",
    async run({ kv }, ns) {
      const stem = ns.slice(0, -1);
      const keys = Array.from({ length: 40 }, (_, i) => `${stem}1:${String(i).padStart(2, "0")}`);
      for (const key of keys) await kv.put(key, new Uint8Array(1024 * 1024));
      const small = ["2:a", "2:b", "3:c"].map((key) => stem + key);
      for (const key of small) await kv.put(key, bytes("1"));
      const all = [...keys, ...small].sort();
      assert.deepEqual((await scanAll(kv, { prefix: `${stem}1:` })).sort(), keys);
      for (const reverse of [false, true]) {
        const seen = (await scanAll(kv, { prefix: stem, reverse })).filter((key) => all.includes(key));
        assert.deepEqual(seen, reverse ? [...all].reverse() : all);
      }
      for (const key of all) await kv.delete(key);
    },
  },
  {
    name: "a scan goes on where it was although its last key is gone",
    async run({ kv }, ns) {
      for (const key of ["a", "b", "c", "d"]) await kv.put(ns + key, bytes(key));
      const first = await kv.scan({ prefix: ns, limit: 2 });
      await kv.delete(`${ns}b`);
      const second = await kv.scan({ prefix: ns, limit: 2, after: first.cursor! });
      assert.deepEqual(
        second.entries.map(({ key }) => key),
        [`${ns}c`, `${ns}d`],
      );
    },
  },
  {
    name: "a scan begins behind a key, be it there or not",
    async run({ kv }, ns) {
      for (const key of ["a", "b", "d"]) await kv.put(`${ns}${key}`, bytes(key));
      const behind = async (key: string, reverse = false) => {
        const after = scanCursorAfter({ prefix: ns, reverse }, `${ns}${key}`);
        const { entries } = await kv.scan({ prefix: ns, reverse, after });
        return entries.map((entry) => entry.key.slice(ns.length));
      };
      assert.deepEqual(await behind("b"), ["d"]);
      assert.deepEqual(await behind("c"), ["d"]);
      assert.deepEqual(await behind("d"), []);
      assert.deepEqual(await behind("c", true), ["b", "a"]);
      assert.throws(
        () => scanCursorAfter({ prefix: ns }, `x${ns}`),
        (error) => isAspenError(error) && error.code === "CURSOR_INVALID",
      );
    },
  },
  {
    name: "a cursor that is forged or of another scan is refused",
    async run({ kv }, ns) {
      for (const key of ["a:1", "a:2", "b:1"]) await kv.put(ns + key, bytes(key));
      const { cursor } = await kv.scan({ prefix: `${ns}a:`, limit: 1 });
      assert.ok(cursor);
      await rejectsWith("CURSOR_INVALID", kv.scan({ prefix: `${ns}b:`, after: cursor }));
      await rejectsWith("CURSOR_INVALID", kv.scan({ prefix: `${ns}a:`, after: cursor, reverse: true }));
      for (const after of ["", "x", "AAAA", Buffer.from('["a",0,1]').toString("base64url")]) {
        await rejectsWith("CURSOR_INVALID", kv.scan({ prefix: `${ns}a:`, after }));
      }
    },
  },
  {
    name: "compare-and-swap writes when the value is as expected, and says the actual one when not",
    async run({ kv }, ns) {
      const key = `${ns}a`;
      const created = await kv.compareAndSwap(key, null, bytes("1"));
      assert.ok(created.ok);
      const taken = await kv.compareAndSwap(key, null, bytes("2"));
      assert.deepEqual(taken, { ok: false, actual: { value: new Uint8Array(bytes("1")), version: created.version } });
      assert.equal((await kv.compareAndSwap(key, bytes("0"), bytes("2"))).ok, false);
      assert.equal((await kv.compareAndSwap(key, bytes(""), bytes("2"))).ok, false);
      const swapped = await kv.compareAndSwap(key, bytes("1"), bytes("2"));
      assert.ok(swapped.ok && swapped.version > created.version);
      assert.equal(await text(kv, key), "2");
      assert.ok((await kv.compareAndSwap(key, bytes("2"), null)).ok);
      assert.deepEqual(await kv.compareAndSwap(key, bytes("2"), bytes("3")), { ok: false, actual: null });
      assert.ok((await kv.compareAndSwap(key, null, null)).ok);
      assert.equal(await kv.get(key), null);
    },
  },
  {
    name: "concurrent compare-and-swaps lose no update",
    async run({ kv }, ns) {
      const key = `${ns}counter`;
      const increment = async () => {
        for (;;) {
          const entry = await kv.get(key);
          const next = String(Number(entry ? decodeUtf8(entry.value) : 0) + 1);
          if ((await kv.compareAndSwap(key, entry?.value ?? null, bytes(next))).ok) return;
        }
      };
      await Promise.all(Array.from({ length: 40 }, increment));
      assert.equal(await text(kv, key), "40");
    },
  },
  {
    name: "a transaction applies everything under one version",
    async run({ kv }, ns) {
      await kv.put(`${ns}old`, bytes("1"));
      const result = await kv.transact({
        checks: [
          { key: `${ns}old`, value: bytes("1") },
          { key: `${ns}new`, value: null },
        ],
        ops: [
          { type: "put", key: `${ns}new`, value: bytes("2") },
          { type: "put", key: `${ns}other`, value: new Uint8Array(0) },
          { type: "delete", key: `${ns}old` },
        ],
      });
      assert.ok(result.ok);
      assert.equal(await kv.get(`${ns}old`), null);
      assert.equal((await kv.get(`${ns}new`))?.version, result.version);
      assert.equal((await kv.get(`${ns}other`))?.version, result.version);
    },
  },
  {
    name: "a transaction whose check fails applies nothing and names the check",
    async run({ kv }, ns) {
      const version = await kv.put(`${ns}a`, bytes("1"));
      const ops = [{ type: "put" as const, key: `${ns}b`, value: bytes("x") }];
      const good = { key: `${ns}a`, version };
      for (const bad of [
        { key: `${ns}a`, version: version + 1 },
        { key: `${ns}absent`, version },
        { key: `${ns}a`, value: bytes("2") },
        { key: `${ns}a`, value: null },
        { key: `${ns}absent`, value: new Uint8Array(0) },
      ]) {
        assert.deepEqual(await kv.transact({ checks: [good, bad], ops }), { ok: false, failed: 1 });
      }
      assert.equal(await kv.get(`${ns}b`), null);
      assert.ok((await kv.transact({ checks: [good], ops: [] })).ok);
    },
  },
  {
    name: "an entry with a time to live is gone when that has passed",
    async run({ kv }, ns) {
      // Long enough to be met on a slow machine.
      await kv.put(`${ns}a`, bytes("1"), { ttlMs: 600 });
      await kv.put(`${ns}b`, bytes("1"), { ttlMs: 60_000 });
      await kv.put(`${ns}c`, bytes("1"), { ttlMs: 60 });
      await kv.put(`${ns}c`, bytes("2"));
      assert.equal(await text(kv, `${ns}a`), "1");
      await delay(700);
      assert.equal(await kv.get(`${ns}a`), null);
      assert.deepEqual(await scanAll(kv, { prefix: ns }), [`${ns}b`, `${ns}c`]);
      assert.deepEqual(await kv.compareAndSwap(`${ns}a`, bytes("1"), bytes("2")), { ok: false, actual: null });
      assert.equal(await kv.delete(`${ns}a`), false);
      for (const ttlMs of [0, -1, 0.5, Number.NaN]) {
        await rejectsWith("INVALID_PARAMS", kv.put(`${ns}a`, bytes("1"), { ttlMs }));
      }
    },
  },
  {
    name: "a compare-and-swap sets the time to live anew, as a put does",
    async run({ kv }, ns) {
      // Long enough for the swaps to come before its end on a slow machine.
      const [one, two] = [bytes("1"), bytes("2")];
      await kv.put(`${ns}kept`, one, { ttlMs: 1500 });
      assert.ok((await kv.compareAndSwap(`${ns}kept`, one, two)).ok);
      await kv.put(`${ns}longer`, one, { ttlMs: 1500 });
      assert.ok((await kv.compareAndSwap(`${ns}longer`, one, two, { ttlMs: 60_000 })).ok);
      await kv.put(`${ns}shorter`, one);
      assert.ok((await kv.compareAndSwap(`${ns}shorter`, one, two, { ttlMs: 1500 })).ok);
      assert.ok((await kv.compareAndSwap(`${ns}new`, null, two, { ttlMs: 1500 })).ok);
      await kv.put(`${ns}lost`, one, { ttlMs: 1500 });
      assert.equal((await kv.compareAndSwap(`${ns}lost`, two, two)).ok, false);
      assert.equal((await kv.compareAndSwap(`${ns}lost`, null, two, { ttlMs: 60_000 })).ok, false);
      await delay(1600);
      assert.deepEqual(await scanAll(kv, { prefix: ns }), [`${ns}kept`, `${ns}longer`]);
      for (const ttlMs of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        await rejectsWith("INVALID_PARAMS", kv.compareAndSwap(`${ns}kept`, two, one, { ttlMs }));
      }
      await rejectsWith("INVALID_PARAMS", kv.compareAndSwap(`${ns}kept`, two, null, { ttlMs: 1500 }));
      assert.equal(await text(kv, `${ns}kept`), "2");
    },
  },
  {
    name: "writes made at once are all applied",
    async run({ kv }, ns) {
      const keys = Array.from({ length: 300 }, (_, index) => `${ns}${String(index).padStart(4, "0")}`);
      const versions = await Promise.all(keys.map((key) => kv.put(key, bytes(key))));
      assert.equal(new Set(versions).size, keys.length);
      assert.deepEqual(await scanAll(kv, { prefix: ns, limit: 100 }), keys);
    },
  },
  ...appendCases,
  ...keyValueInputCases,
];
