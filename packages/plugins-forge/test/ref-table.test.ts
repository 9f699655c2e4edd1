import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { ForgeStore } from "../src/domain/forge-store.js";
import { RefTable } from "../src/domain/ref-table.js";
import { EMPTY_ROOT, type RootRecord } from "../src/domain/root.js";

/** A store of one process, whose transactions always hold. */
function plainStore(): Pick<ForgeStore, "getMany"> & {
  apply(ops: ReturnType<RefTable["commit"]>["ops"]): void;
  keys(): string[];
} {
  const values = new Map<string, Uint8Array>();
  return {
    getMany: async (keys) => keys.map((key) => (values.has(key) ? { value: values.get(key)!, version: 1 } : null)),
    apply(ops) {
      for (const op of ops) {
        if (op.type === "put") values.set(op.key, op.value);
        else values.delete(op.key);
      }
    },
    keys: () => [...values.keys()],
  };
}

const id = fc.integer({ min: 1, max: 2 ** 31 }).map((number) => number.toString(16).padStart(40, "0"));
const name = fc
  .array(fc.constantFrom("a", "b", "c", "ä", "main"), { minLength: 1, maxLength: 4 })
  .map((parts) => `refs/heads/${parts.join("/")}`);
const change = fc.record({ name, id: fc.option(id) });

test("a table of refs is what a map of them is, through any commits, and leaves no chunk behind", async () => {
  const property = fc.asyncProperty(
    fc.array(fc.array(change, { maxLength: 40 }), { maxLength: 8 }),
    async (commits) => {
      const store = plainStore();
      const expected = new Map<string, string>();
      let root: RootRecord = EMPTY_ROOT;
      for (const changes of commits) {
        const table = (await RefTable.read(store, "r", root))!;
        for (const { name, id } of changes) {
          const obstacle = [...expected.keys()].some(
            (other) => other.startsWith(`${name}/`) || name.startsWith(`${other}/`),
          );
          expect(table.obstacleTo(name) !== undefined).toBe(obstacle);
          if (id === null) {
            table.delete(name);
            expected.delete(name);
          } else if (!obstacle) {
            table.set(name, id);
            expected.set(name, id);
          }
        }
        const gen = root.gen + 1;
        const { chunks, ops } = table.commit(gen);
        store.apply(ops);
        root = { ...root, gen, chunks };
        expect(store.keys().length).toBe(chunks.length);
      }
      const table = (await RefTable.read(store, "r", root))!;
      expect(new Map(table.entries())).toEqual(expected);
      for (const [name, id] of expected) expect(table.get(name)).toBe(id);
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

test("twenty thousand refs in any order lie in small chunks, of which a change writes one", async () => {
  const store = plainStore();
  const table = (await RefTable.read(store, "r", EMPTY_ROOT))!;
  const names = Array.from({ length: 20_000 }, (_, at) => `refs/heads/topic-${(at * 7919) % 20_000}`);
  for (const name of names) table.set(name, "1".repeat(40));
  const { chunks, ops } = table.commit(1);
  store.apply(ops);
  expect(ops.length).toBeLessThan(300);
  expect(chunks.reduce((sum, { count }) => sum + count, 0)).toBe(20_000);
  const again = (await RefTable.read(store, "r", { ...EMPTY_ROOT, gen: 1, chunks }))!;
  again.set("refs/heads/topic-77", "2".repeat(40));
  const next = again.commit(2);
  expect(next.ops.map(({ type }) => type).sort()).toEqual(["delete", "put"]);
  expect(again.get("refs/heads/topic-77")).toBe("2".repeat(40));
});
