import assert from "node:assert/strict";
import { encodeUtf8, LIMITS } from "@aspen/plugin-api/abi";
import type { ConformanceCase } from "../conformance-case.js";
import { scanAll, text } from "../reading.js";
import { rejectsWith } from "../rejects-with.js";

const bytes = encodeUtf8;

/** What a key-value store takes and what it refuses. */
export const keyValueInputCases: readonly ConformanceCase[] = [
  {
    name: "keys are refused that are empty, too long or not well-formed",
    async run({ kv }, ns) {
      for (const key of ["", `${ns}${"x".repeat(LIMITS.keyBytes)}`, `${ns}${"ż".repeat(600)}`, `${ns}\ud800`]) {
        await rejectsWith("KV_KEY_INVALID", kv.get(key));
        await rejectsWith("KV_KEY_INVALID", kv.put(key, bytes("1")));
        await rejectsWith("KV_KEY_INVALID", kv.delete(key));
        await rejectsWith("KV_KEY_INVALID", kv.compareAndSwap(key, null, bytes("1")));
        await rejectsWith("KV_KEY_INVALID", kv.transact({ checks: [], ops: [{ type: "delete", key }] }));
      }
      const longest = ns + "x".repeat(LIMITS.keyBytes - ns.length);
      await kv.put(longest, bytes("1"));
      assert.equal(await text(kv, longest), "1");
    },
  },
  {
    name: "a value of the limit is stored, one byte more is refused",
    async run({ kv }, ns) {
      await kv.put(`${ns}a`, new Uint8Array(LIMITS.valueBytes).fill(7));
      assert.equal((await kv.get(`${ns}a`))?.value.length, LIMITS.valueBytes);
      await rejectsWith("PAYLOAD_TOO_LARGE", kv.put(`${ns}a`, new Uint8Array(LIMITS.valueBytes + 1)));
      await rejectsWith("PAYLOAD_TOO_LARGE", kv.compareAndSwap(`${ns}b`, null, new Uint8Array(LIMITS.valueBytes + 1)));
      await kv.delete(`${ns}a`);
    },
  },
  {
    name: "a limit outside 1 to 10,000 is refused",
    async run({ kv }, ns) {
      for (const limit of [0, -1, 1.5, Number.NaN, LIMITS.scanMax + 1]) {
        await rejectsWith("INVALID_PARAMS", kv.scan({ prefix: ns, limit }));
      }
    },
  },
  {
    name: "a transaction of two namespaces, or of too many operations, is refused",
    async run({ kv }, ns) {
      const put = (key: string) => ({ type: "put" as const, key, value: bytes("1") });
      await rejectsWith("CROSS_NAMESPACE", kv.transact({ checks: [], ops: [put(`${ns}a`), put(`x${ns}a`)] }));
      await rejectsWith(
        "CROSS_NAMESPACE",
        kv.transact({ checks: [{ key: `x${ns}a`, value: null }], ops: [put(`${ns}a`)] }),
      );
      const many = Array.from({ length: LIMITS.batchOps + 1 }, (_, index) => put(`${ns}${index}`));
      await rejectsWith("INVALID_PARAMS", kv.transact({ checks: [], ops: many }));
      assert.ok((await kv.transact({ checks: [], ops: many.slice(1) })).ok);
      assert.equal((await scanAll(kv, { prefix: ns, keysOnly: true })).length, LIMITS.batchOps);
      assert.equal(await kv.get(`x${ns}a`), null);
    },
  },
  {
    name: "what is no time to live, no operation and no check is refused",
    async run({ kv }, ns) {
      const key = `${ns}a`;
      const put = { type: "put", key, value: bytes("1") };
      for (const ttlMs of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, null, "5", 5n, true, {}]) {
        await rejectsWith("INVALID_PARAMS", kv.put(key, bytes("1"), { ttlMs } as never));
        await rejectsWith("INVALID_PARAMS", kv.transact({ checks: [], ops: [{ ...put, ttlMs } as never] }));
      }
      const ops: unknown[] = [
        { ...put, type: "increment" },
        { ...put, type: undefined },
        { ...put, type: "PUT" },
        { ...put, value: "1" },
        { ...put, value: null },
        { type: "put", key },
        null,
        "put",
      ];
      for (const op of ops) await rejectsWith("INVALID_PARAMS", kv.transact({ checks: [], ops: [op as never] }));
      const checks: unknown[] = [
        { key },
        { key, value: "1" },
        { key, version: "1" },
        { key, version: Number.NaN },
        null,
      ];
      for (const check of checks)
        await rejectsWith("INVALID_PARAMS", kv.transact({ checks: [check as never], ops: [put as never] }));
      for (const transaction of [
        { ops: [put] },
        { checks: [] },
        { checks: {}, ops: [put] },
        { checks: [], ops: "put" },
      ]) {
        await rejectsWith("INVALID_PARAMS", kv.transact(transaction as never));
      }
      await rejectsWith("INVALID_PARAMS", kv.getMany(key as never));
      assert.equal(await kv.get(key), null);
    },
  },
  {
    name: "a forged cursor is refused, whatever it says and however long it is",
    async run({ kv }, ns) {
      const prefix = `${ns}a:`;
      for (const key of ["1", "2", "3"]) await kv.put(prefix + key, bytes("x"));
      const forge = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const cursors: string[] = [
        ...[1025, 1978, 3750, 5000, 8_250, 11_000, 1_000_000].map((length) =>
          forge([prefix, 0, prefix + "k".repeat(length)]),
        ),
        forge([prefix, 0, `${prefix}\ud800`]),
        forge([prefix, 0, `${prefix}${"ż".repeat(600)}`]),
        forge([prefix, 0, 1]),
        forge([prefix, 0, null]),
        forge([prefix, 0, [prefix]]),
        forge([prefix, true, `${prefix}1`]),
        forge({ length: 3 }),
        forge(null),
        "A".repeat(20_000),
        `${forge([prefix, 0, `${prefix}1`])}${"=".repeat(100_000)}`,
      ];
      for (const after of cursors) {
        await rejectsWith("CURSOR_INVALID", kv.scan({ prefix, after }));
        await rejectsWith("CURSOR_INVALID", kv.scan({ prefix, after, reverse: true }));
      }
      for (const after of [null, 1, {}, [forge([prefix, 0, `${prefix}1`])]]) {
        await rejectsWith("CURSOR_INVALID", kv.scan({ prefix, after: after as never }));
      }
      await rejectsWith("CURSOR_INVALID", kv.scan({ prefix: "", after: forge(["", 0, ""]) }));
      // The longest that there are are good: each character takes six in JSON.
      const longest = `${ns}b:`.padEnd(LIMITS.keyBytes - 1, "\u0001");
      await kv.put(longest, bytes("x"));
      await kv.put(`${longest}\u0001`, bytes("x"));
      assert.deepEqual(await scanAll(kv, { prefix: longest, limit: 1 }), [longest, `${longest}\u0001`]);
    },
  },
  {
    name: "a byte order mark is a character of a key like any other",
    async run({ kv, blobs }, ns) {
      const mark = "\uFEFF";
      const keys = [`${ns}${mark}`, `${ns}${mark}a`, `${ns}${mark}${mark}a`, `${ns}a${mark}`];
      await kv.put(`${ns}a`, bytes("plain"));
      for (const key of keys) await kv.put(key, bytes(key));
      await kv.put(`${mark}${ns}a`, bytes("another namespace"));
      assert.equal(await text(kv, `${ns}a`), "plain");
      assert.equal(await text(kv, `${mark}${ns}a`), "another namespace");
      assert.deepEqual((await scanAll(kv, { prefix: ns })).sort(), [`${ns}a`, ...keys].sort());
      assert.deepEqual(await scanAll(kv, { prefix: `${ns}${mark}`, limit: 1 }), keys.slice(0, 3));
      assert.deepEqual(await scanAll(kv, { prefix: `${mark}${ns}` }), [`${mark}${ns}a`]);
      assert.deepEqual(
        (await kv.getMany(keys)).map((entry) => entry?.key),
        keys,
      );
      const told: string[] = [];
      for await (const event of kv.watch(`${mark}${ns}`)) {
        if (event.type === "synced") break;
        told.push(event.key);
      }
      assert.deepEqual(told, [`${mark}${ns}a`]);
      await rejectsWith(
        "CROSS_NAMESPACE",
        kv.transact({ checks: [{ key: `${mark}${ns}a`, value: null }], ops: [{ type: "delete", key: `${ns}a` }] }),
      );
      assert.ok(await kv.delete(`${mark}${ns}a`));
      assert.equal(await text(kv, `${ns}a`), "plain");
      const hash = await blobs.put(bytes(ns), { reference: `${mark}tag` });
      await blobs.addReference(hash, "tag");
      assert.deepEqual((await blobs.references(hash))?.sort(), ["tag", `${mark}tag`]);
    },
  },
];
