import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { type ErrorCode, encodeUtf8, LIMITS } from "@aspen/plugin-api/abi";
import { APPEND_SUFFIX_BYTES, appendedKey, appendValue } from "../../kv/append.js";
import type { KeyValueStore, Op } from "../../kv/key-value-store.js";
import type { ConformanceCase } from "../conformance-case.js";
import { scanAll, text } from "../reading.js";
import { rejectsWith } from "../rejects-with.js";

const bytes = encodeUtf8;
const append = (prefix: string, value: string, ttlMs?: number): Op => ({
  type: "append",
  prefix,
  value: bytes(value),
  ...(ttlMs === undefined ? {} : { ttlMs }),
});

async function applied(kv: KeyValueStore, ops: Op[]): Promise<{ version: number; appended: string[] }> {
  const result = await kv.transact({ checks: [], ops });
  assert.ok(result.ok);
  return result;
}

/** The operation `append` of a transaction. */
export const appendCases: readonly ConformanceCase[] = [
  {
    name: "an append is stored under the version of its transaction and its place there, and the answer names the keys",
    async run({ kv }, ns) {
      const first = await applied(kv, [append(`${ns}log:`, "a")]);
      const digits = first.version.toString(16).padStart(16, "0");
      assert.deepEqual(first.appended, [`${ns}log:${digits}-0000`]);
      const second = await applied(kv, [
        { type: "put", key: `${ns}data`, value: bytes("1") },
        append(`${ns}log:`, "b"),
        { type: "delete", key: `${ns}none` },
        append(ns, "c"),
        append(`${ns}log:`, ""),
      ]);
      const { version } = second;
      assert.deepEqual(second.appended, [
        appendedKey(`${ns}log:`, version, 1),
        appendedKey(ns, version, 3),
        appendedKey(`${ns}log:`, version, 4),
      ]);
      assert.deepEqual(await Promise.all(second.appended.map((key) => text(kv, key))), ["b", "c", ""]);
      assert.equal((await kv.get(second.appended[0]!))?.version, version);
      assert.equal(await text(kv, `${ns}data`), "1");
      const log = [...first.appended, second.appended[0]!, second.appended[2]!];
      assert.deepEqual(await scanAll(kv, { prefix: `${ns}log:`, limit: 1 }), log);
      assert.deepEqual(await scanAll(kv, { prefix: `${ns}log:`, reverse: true }), log.reverse());
      assert.deepEqual((await applied(kv, [{ type: "delete", key: `${ns}data` }])).appended, []);
    },
  },
  {
    name: "a transaction of appends alone has one for each of its operations, in order",
    async run({ kv }, ns) {
      const ops = Array.from({ length: LIMITS.batchOps }, (_, index) => append(`${ns}log:`, String(index)));
      const { appended } = await applied(kv, ops);
      assert.equal(appended.length, LIMITS.batchOps);
      assert.deepEqual(await scanAll(kv, { prefix: `${ns}log:` }), appended);
      assert.equal(await text(kv, appended.at(-1)!), String(LIMITS.batchOps - 1));
      await rejectsWith("INVALID_PARAMS", kv.transact({ checks: [], ops: [...ops, append(ns, "one too many")] }));
    },
  },
  {
    name: "appends made at once are all stored, in the order of their versions",
    async run({ kv }, ns) {
      const one = async (index: number) => {
        const { key, version } = await appendValue(kv, `${ns}log:`, bytes(String(index)));
        return { key, version, value: String(index) };
      };
      const many = await Promise.all(Array.from({ length: 200 }, (_, index) => one(index)));
      // What began after all of them ended is behind all of them.
      const last = await one(200);
      const order = [...many].sort((a, b) => a.version - b.version).concat(last);
      assert.equal(new Set(order.map(({ version }) => version)).size, 201);
      assert.deepEqual(
        await scanAll(kv, { prefix: `${ns}log:`, limit: 50 }),
        order.map(({ key }) => key),
      );
      for (const { key, value } of order) assert.equal(await text(kv, key), value);
    },
  },
  {
    name: "nothing is appended when a check fails",
    async run({ kv }, ns) {
      await kv.put(`${ns}a`, bytes("1"));
      const checks = [{ key: `${ns}a`, value: null }];
      assert.deepEqual(await kv.transact({ checks, ops: [append(`${ns}log:`, "x")] }), { ok: false, failed: 0 });
      assert.deepEqual(await scanAll(kv, { prefix: ns }), [`${ns}a`]);
    },
  },
  {
    name: "an appended entry with a time to live is gone when that has passed",
    async run({ kv }, ns) {
      const { appended } = await applied(kv, [
        append(`${ns}log:`, "short", 60),
        append(`${ns}log:`, "long", 60_000),
        append(`${ns}log:`, "kept"),
      ]);
      const alone = await appendValue(kv, `${ns}log:`, bytes("short"), { ttlMs: 60 });
      await delay(100);
      assert.equal(await kv.get(appended[0]!), null);
      assert.equal(await kv.get(alone.key), null);
      assert.deepEqual(await scanAll(kv, { prefix: ns }), appended.slice(1));
    },
  },
  {
    name: "an append comes after all earlier ones, also when nothing of the namespace is left",
    async run({ kv }, ns) {
      const keys: string[] = [];
      for (let round = 0; round < 3; round++) {
        const { key } = await appendValue(kv, `${ns}log:`, bytes("x"));
        keys.push(key);
        assert.ok(await kv.delete(key));
        keys.push((await appendValue(kv, `${ns}log:`, bytes("x"), { ttlMs: 20 })).key);
        while ((await scanAll(kv, { prefix: ns })).length > 0) await delay(5);
      }
      assert.deepEqual(keys, [...new Set(keys)].sort());
    },
  },
  {
    name: "a watch tells every append once, in the order of the keys",
    async run({ kv }, ns) {
      const prefix = `${ns}log:`;
      for (let i = 0; i < 5; i++) await appendValue(kv, prefix, bytes("before"));
      const controller = new AbortController();
      // Fails, instead of waiting for ever.
      const late = setTimeout(() => controller.abort(), 30_000);
      const told: string[] = [];
      let writing: Promise<string[][]> | undefined;
      for await (const event of kv.watch(prefix, { signal: controller.signal })) {
        writing ??= Promise.all(
          Array.from({ length: 50 }, async (_, index) => {
            const ops = Array.from({ length: 1 + (index % 3) }, () => append(prefix, "after"));
            return (await applied(kv, [...ops, append(`${ns}other:`, "not of the prefix")])).appended.slice(0, -1);
          }),
        );
        if (event.type !== "synced") told.push(event.key);
        if (told.length === 5 + 99) break;
      }
      clearTimeout(late);
      const written = (await writing!).flat();
      assert.equal(written.length, 99);
      assert.deepEqual(told, [...new Set(told)].sort());
      assert.deepEqual(told.slice(5), written.sort());
      assert.deepEqual(told, await scanAll(kv, { prefix }));
    },
  },
  {
    name: "an append replaces what somebody put under its key",
    async run({ kv }, ns) {
      const version = await kv.put(`${ns}a`, bytes("1"));
      const key = appendedKey(`${ns}log:`, version + 2, 0);
      assert.equal(await kv.put(key, bytes("by hand"), { ttlMs: 60 }), version + 1);
      assert.deepEqual(await appendValue(kv, `${ns}log:`, bytes("appended")), { key, version: version + 2 });
      await delay(100);
      assert.equal(await text(kv, key), "appended");
      assert.deepEqual(await scanAll(kv, { prefix: `${ns}log:` }), [key]);
    },
  },
  {
    name: "a transaction with an append takes copies: changing what was given changes nothing stored",
    async run({ kv }, ns) {
      const value = bytes("abc");
      const op = { type: "append" as const, prefix: `${ns}log:`, value };
      const ops: Op[] = [op];
      const result = kv.transact({ checks: [], ops });
      value.fill(0);
      op.prefix = `${ns}changed:`;
      ops.push(append(ns, "x"));
      const { version, appended } = (await result) as { version: number; appended: string[] };
      assert.deepEqual(appended, [appendedKey(`${ns}log:`, version, 0)]);
      assert.deepEqual(await scanAll(kv, { prefix: ns }), appended);
      assert.equal(await text(kv, appended[0]!), "abc");
    },
  },
  {
    name: "an append is refused whose prefix holds no namespace, or leaves no room, or whose value is no value",
    async run({ kv }, ns) {
      const good = append(`${ns}log:`, "1");
      const refused = (code: ErrorCode, op: object) =>
        rejectsWith(
          code,
          kv.transact({ checks: [], ops: [{ type: "put", key: `${ns}a`, value: bytes("1") }, op as Op] }),
        );
      for (const prefix of ["", "no-namespace", "__plugin:unfinished", "__plugin:"]) {
        await rejectsWith("INVALID_PARAMS", appendValue(kv, prefix, bytes("1")));
      }
      const longest = ns.padEnd(LIMITS.keyBytes - APPEND_SUFFIX_BYTES, "x");
      for (const prefix of [
        `${longest}x`,
        `${ns}${"ż".repeat(500)}`,
        `${ns}\ud800`,
        ns.padEnd(5000, "x"),
        null,
        1,
        undefined,
      ]) {
        await refused("KV_KEY_INVALID", { ...good, prefix });
      }
      await refused("CROSS_NAMESPACE", { ...good, prefix: `x${ns}` });
      await refused("PAYLOAD_TOO_LARGE", { ...good, value: new Uint8Array(LIMITS.valueBytes + 1) });
      for (const value of ["1", null, undefined, [1]]) await refused("INVALID_PARAMS", { ...good, value });
      for (const ttlMs of [0, -1, 0.5, Number.NaN, null, "5"]) await refused("INVALID_PARAMS", { ...good, ttlMs });
      assert.deepEqual(await scanAll(kv, { prefix: ns }), []);
      const { key } = await appendValue(kv, longest, new Uint8Array(LIMITS.valueBytes));
      assert.equal(bytes(key).length, LIMITS.keyBytes);
      assert.equal((await kv.get(key))?.value.length, LIMITS.valueBytes);
      await kv.delete(key);
    },
  },
];
