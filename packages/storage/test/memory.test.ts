import { setTimeout as delay } from "node:timers/promises";
import { encodeUtf8 } from "@aspen/plugin-api";
import { describe, expect, jest, test } from "@jest/globals";
import { MemoryStore } from "../src/drivers/memory/index.js";
import { testStore } from "../src/testing/index.js";

testStore({ describe, test }, { name: "memory", open: async () => new MemoryStore() });

test("an entry expires although its timer fires early on the clock that decides", async () => {
  await using store = new MemoryStore();
  const seen: string[] = [];
  const controller = new AbortController();
  const watching = (async () => {
    for await (const event of store.kv.watch("a:", { signal: controller.signal })) {
      seen.push(event.type);
      if (event.type === "delete") return;
    }
  })();
  while (seen.length === 0) await delay(1);
  await store.kv.put("a:1", encodeUtf8("1"), { ttlMs: 20 });
  const real = Date.now;
  const behind = jest.spyOn(Date, "now").mockImplementation(() => real() - 60);
  await delay(40);
  behind.mockRestore();
  await Promise.race([watching, delay(5000, undefined, { ref: false })]);
  controller.abort();
  expect(seen).toEqual(["synced", "put", "delete"]);
});
