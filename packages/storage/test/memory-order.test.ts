import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { MemoryStore } from "../src/drivers/memory/index.js";

const unit = fc.constantFrom("a", "b", "~", "\u0000", "ż", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}");
const key = fc.string({ unit, maxLength: 4 }).map((rest) => `order:${rest}`);

test("a scan has the keys of a prefix in the order of their bytes, from anywhere, in both directions", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(key, { maxLength: 30 }),
      fc.array(key, { maxLength: 5 }),
      key,
      fc.boolean(),
      fc.integer({ min: 1, max: 5 }),
      async (put, deleted, prefix, reverse, limit) => {
        await using store = new MemoryStore();
        for (const it of put) await store.kv.put(it, new Uint8Array(0));
        for (const it of deleted) await store.kv.delete(it);
        const seen: string[] = [];
        for (let after: string | undefined; ; ) {
          const page = await store.kv.scan({ prefix, reverse, limit, ...(after === undefined ? {} : { after }) });
          seen.push(...page.entries.map((entry) => entry.key));
          after = page.cursor;
          if (after === undefined) break;
        }
        const left = [...new Set(put)].filter((it) => !deleted.includes(it) && it.startsWith(prefix));
        left.sort((a, b) => (reverse ? -1 : 1) * Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(seen).toEqual(left);
      },
    ),
  );
});
