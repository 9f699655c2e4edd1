import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Block, BlockTable } from "../src/engine/block-table.js";

describe("BlockTable", () => {
  test("gives back what was put in, whatever is freed in between", () => {
    const step = fc.oneof(fc.record({ add: fc.uint8Array({ maxLength: 64 }) }), fc.record({ free: fc.nat(50) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new BlockTable();
        const live = new Map<bigint, Uint8Array>();
        for (const it of steps) {
          if ("add" in it) {
            const handle = table.add(it.add);
            expect(handle).not.toBe(0n);
            expect(live.has(handle)).toBe(false);
            live.set(handle, it.add);
          } else {
            const handle = [...live.keys()][it.free];
            if (handle !== undefined) {
              table.free(handle);
              live.delete(handle);
              expect(table.get(handle)).toBeNull();
            }
          }
          for (const [handle, bytes] of live) expect(table.get(handle)).toBe(bytes);
        }
      }),
    );
  });

  test("never allocates past its budget, and frees give room again", () => {
    const table = new BlockTable();
    expect(table.allocate(-1n)).toBe(0n);
    expect(table.allocate(2n ** 40n)).toBe(0n);
    const half = table.allocate(40n * 1024n * 1024n);
    expect(half).not.toBe(0n);
    expect(table.allocate(40n * 1024n * 1024n)).toBe(0n);
    table.free(half);
    expect(table.allocate(40n * 1024n * 1024n)).not.toBe(0n);
  });

  test("any number is a handle of nothing", () => {
    const table = new BlockTable();
    table.add(Uint8Array.of(1));
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (handle) => {
        const block = table.get(handle);
        expect(block === null || block.length === 1).toBe(true);
        expect(typeof table.loadWord(handle)).toBe("bigint");
        expect(typeof table.loadByte(handle)).toBe("number");
        table.storeWord(handle, -1n);
        table.storeByte(handle, 300);
        table.at(handle);
        new Block(Uint8Array.of(1, 2)).load(Number(handle));
        if (block === null) table.free(handle);
      }),
    );
  });
});
