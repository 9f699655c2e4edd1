import { encodeUtf8 } from "@aspen/plugin-api";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { MemoryStore } from "../src/drivers/memory/index.js";
import { appendValue, type KeyValueStore, NamespacedKeyValueStore, type Op } from "../src/index.js";

const value = encodeUtf8("v");

describe("a namespaced view", () => {
  const store = new MemoryStore();
  const view = new NamespacedKeyValueStore(store.kv, ["a:", "x/"]);

  test("reaches the keys of its prefixes", async () => {
    await view.put("a:1", value);
    await view.put("x/1", value);
    expect((await view.get("a:1"))?.value).toEqual(value);
    expect((await view.scan({ prefix: "a:" })).entries).toHaveLength(1);
    expect(await view.delete("x/1")).toBe(true);
    const { key } = await appendValue(view, "a:log:", value);
    expect(key).toMatch(/^a:log:[0-9a-f]{16}-0000$/);
    expect((await view.get(key))?.value).toEqual(value);
  });

  test.each([
    ["get", () => view.get("ab:1")],
    ["getMany", () => view.getMany(["a:1", "b:1"])],
    ["put", () => view.put("a", value)],
    ["delete", () => view.delete("b:1")],
    ["scan of everything", () => view.scan({ prefix: "" })],
    ["scan wider than a prefix", () => view.scan({ prefix: "a" })],
    ["compareAndSwap", () => view.compareAndSwap("b:1", null, value)],
    ["watch wider than a prefix", () => view.watch("").next()],
    ["transact with a foreign check", () => view.transact({ checks: [{ key: "b:1", value: null }], ops: [] })],
    ["transact with a foreign op", () => view.transact({ checks: [], ops: [{ type: "delete", key: "b:1" }] })],
    ["append to a foreign prefix", () => appendValue(view, "b:", value)],
    ["append to a prefix that is wider", () => appendValue(view, "", value)],
    [
      "append that names a key inside beside a prefix outside",
      () => view.transact({ checks: [], ops: [{ type: "append", prefix: "b:", key: "a:1", value } as Op] }),
    ],
    [
      "put that names a prefix inside beside a key outside",
      () => view.transact({ checks: [], ops: [{ type: "put", prefix: "a:", key: "b:1", value } as Op] }),
    ],
  ])("refuses %s", async (_name, run) => {
    await expect(run()).rejects.toMatchObject({ code: "KV_NAMESPACE_DENIED", details: { allowed: ["a:", "x/"] } });
  });

  test("lets nothing outside through, whatever prefixes and keys look like", async () => {
    const part = fc.constantFrom(
      "a",
      "ab",
      ":",
      "/",
      "*",
      "?",
      "[",
      "\u0000",
      "\ud800",
      "ż",
      "\u{10ffff}",
      "__sys:",
      "",
    );
    const text = fc.array(part, { maxLength: 5 }).map((parts) => parts.join(""));
    const touched: string[] = [];
    const spy = spyOn(touched);
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 3 }), text, text, async (allowed, key, other) => {
        touched.length = 0;
        const view = new NamespacedKeyValueStore(spy, allowed);
        const attempts = [
          () => view.get(key),
          () => view.getMany([key, other]),
          () => view.put(key, value),
          () => view.delete(key),
          () => view.compareAndSwap(key, null, value),
          () => view.transact({ checks: [{ key, value: null }], ops: [{ type: "delete", key: other }] }),
          () => view.transact({ checks: [], ops: [{ type: "append", prefix: key, value }] }),
          () => view.scan({ prefix: key }),
          () => view.watch(key).next(),
        ];
        for (const attempt of attempts)
          await attempt().catch((error) => expect(error.code).toBe("KV_NAMESPACE_DENIED"));
        for (const it of touched) expect(allowed.some((prefix) => it.startsWith(prefix))).toBe(true);
        // And what is inside does pass.
        const inside = allowed.some((prefix) => key.startsWith(prefix));
        expect(touched.includes(key)).toBe(inside);
      }),
      { numRuns: Number(process.env.ASPEN_RUNS ?? 5000) },
    );
  });
});

/** A store that keeps the keys and prefixes it is asked for. */
function spyOn(touched: string[]): KeyValueStore {
  const seen = <T>(keys: readonly string[], result: T) => {
    touched.push(...keys);
    return result;
  };
  return {
    get: async (key) => seen([key], null),
    getMany: async (keys) => seen(keys, []),
    put: async (key) => seen([key], 1),
    delete: async (key) => seen([key], true),
    compareAndSwap: async (key) => seen([key], { ok: true, version: 1 }),
    transact: async ({ checks, ops }) =>
      seen([...checks.map(({ key }) => key), ...ops.map((op) => (op.type === "append" ? op.prefix : op.key))], {
        ok: true,
        version: 1,
        appended: [],
      }),
    scan: async ({ prefix }) => seen([prefix], { entries: [] }),
    watch: (prefix) => seen([prefix], (async function* () {})()),
    [Symbol.asyncDispose]: async () => {},
  };
}
