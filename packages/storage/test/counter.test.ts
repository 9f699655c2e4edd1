import { setTimeout as delay } from "node:timers/promises";
import { encodeUtf8 } from "@aspen/plugin-api";
import { expect, test } from "@jest/globals";
import { MemoryStore } from "../src/drivers/memory/index.js";
import { addToCounter, updateValue } from "../src/index.js";

test("a counter loses nothing among many who count", async () => {
  await using store = new MemoryStore();
  const sums = await Promise.all(Array.from({ length: 50 }, () => addToCounter(store.kv, "c:1")));
  expect(sums.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  expect(await addToCounter(store.kv, "c:1", -60)).toBe(-10);
  expect(await addToCounter(store.kv, "c:1", 0)).toBe(-10);
});

test("a counter refuses what is no number, and a sum that is too large", async () => {
  await using store = new MemoryStore();
  for (const text of ["", "1.5", "1e3", "x", "12345678901234567"]) {
    await store.kv.put("c:1", encodeUtf8(text));
    await expect(addToCounter(store.kv, "c:1")).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  }
  await store.kv.put("c:1", encodeUtf8(String(Number.MAX_SAFE_INTEGER)));
  await expect(addToCounter(store.kv, "c:1")).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  await expect(addToCounter(store.kv, "c:2", 0.5)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
});

test("an update that others are always faster than gives up, as does one whose caller does", async () => {
  await using store = new MemoryStore();
  let calls = 0;
  const losing = updateValue(
    store.kv,
    "c:1",
    () => {
      calls += 1;
      // Whoever looks at the value has it changed behind its back.
      void store.kv.put("c:1", encodeUtf8(`other ${calls}`));
      return encodeUtf8("mine");
    },
    { attempts: 5 },
  );
  await expect(losing).rejects.toMatchObject({ code: "KV_CONFLICT", details: { key: "c:1", attempts: 5 } });
  expect(calls).toBe(5);
  const aborted = updateValue(store.kv, "c:1", () => null, { signal: AbortSignal.abort() });
  await expect(aborted).rejects.toMatchObject({ code: "CANCELLED" });
  expect(await updateValue(store.kv, "c:1", () => null)).toBeNull();
  expect(await store.kv.get("c:1")).toBeNull();
});

test("an update sets the time to live anew, and deletes with one as well", async () => {
  await using store = new MemoryStore();
  await store.kv.put("c:1", encodeUtf8("1"), { ttlMs: 300 });
  await addToCounter(store.kv, "c:1");
  await addToCounter(store.kv, "c:2", 1, { ttlMs: 300 });
  await store.kv.put("c:3", encodeUtf8("1"));
  expect(await updateValue(store.kv, "c:3", () => null, { ttlMs: 300 })).toBeNull();
  await delay(400);
  const { entries } = await store.kv.scan({ prefix: "c:" });
  expect(entries.map(({ key }) => key)).toEqual(["c:1"]);
  await expect(addToCounter(store.kv, "c:1", 1, { ttlMs: 0.5 })).rejects.toMatchObject({ code: "INVALID_PARAMS" });
});
