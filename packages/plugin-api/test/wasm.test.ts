import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { encodeUtf8 } from "../src/index.js";
import { ByteReader, signedLeb128, unsignedLeb128, WasmProblem } from "../src/wasm/index.js";

/** What LEB128 stands for, by its definition. */
function decoded(bytes: Uint8Array, signed: boolean): bigint {
  const bits = bytes.reduce((sum, byte, at) => sum | (BigInt(byte & 0x7f) << BigInt(7 * at)), 0n);
  return signed ? BigInt.asIntN(7 * bytes.length, bits) : bits;
}

describe("LEB128", () => {
  test("unsigned stands for the number, in as few bytes as can be", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const bytes = unsignedLeb128(value);
        expect(decoded(bytes, false)).toBe(BigInt(value));
        expect(bytes.length).toBe(Math.max(1, Math.ceil(value.toString(2).length / 7)));
      }),
    );
  });

  test("signed stands for the number, and ends where a reader passes over it", () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        const bytes = signedLeb128(value);
        expect(decoded(bytes, true)).toBe(BigInt(value));
        const reader = new ByteReader(Uint8Array.of(...bytes, 255));
        reader.skipSigned(5);
        expect(reader.offset).toBe(bytes.length);
      }),
    );
  });
});

describe("a reader", () => {
  test("reads an unsigned number of 32 bits back, and no larger one", () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(2 ** 32 - 1, 2 ** 32)), (value) => {
        const reader = new ByteReader(unsignedLeb128(value));
        if (value >= 2 ** 32) expect(() => reader.unsigned()).toThrow(WasmProblem);
        else expect(reader.unsigned()).toBe(value);
      }),
    );
  });

  test("gives what lies within its bounds, or throws a WasmProblem", () => {
    const step = fc.constantFrom("byte", "unsigned", "skipSigned", "take", "name", "count");
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 32 }),
        fc.nat(32),
        fc.nat(40),
        fc.array(step),
        (bytes, from, length, steps) => {
          const start = Math.min(from, bytes.length);
          const end = Math.min(start + length, bytes.length);
          const reader = new ByteReader(bytes, start, end);
          try {
            for (const name of steps) {
              if (name === "byte" || name === "unsigned" || name === "name") reader[name]();
              else if (name === "count") expect(reader.count(3, "things")).toBeLessThanOrEqual(3);
              else if (name === "take") expect(reader.take(2)).toHaveLength(2);
              else reader.skipSigned(10);
              expect(reader.offset).toBeLessThanOrEqual(end);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(WasmProblem);
          }
        },
      ),
    );
  });

  test("reads a name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        const bytes = encodeUtf8(text);
        const reader = new ByteReader(Uint8Array.of(...unsignedLeb128(bytes.length), ...bytes, 7));
        expect(reader.name()).toBe(text);
        expect(reader.byte()).toBe(7);
        expect(reader.atEnd).toBe(true);
      }),
    );
  });
});
