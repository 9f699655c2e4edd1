import {
  AttachmentReader,
  decodeEnvelope,
  decodeStrictUtf8,
  decodeUtf8,
  ENGINE_IMPORTS,
  encodeEnvelope,
  encodeUtf8,
  findHostFunction,
  HOST_FUNCTIONS,
  type HostFunctionSpec,
  isImmediate,
  permissionLabel,
  readU64,
  SIMPLE_PERMISSIONS,
  SUPPORTED_API_VERSIONS,
  writeU64,
} from "@aspen/plugin-api";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

describe("envelopes", () => {
  test("come back as they went in, whatever they carry", () => {
    const bytes = fc.uint8Array({ maxLength: 64 });
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(bytes, { maxLength: 5 }), (header, parts) => {
        const { header: back, attachments } = decodeEnvelope(encodeEnvelope(header, parts));
        expect(JSON.stringify(back)).toBe(JSON.stringify(header));
        const reader = new AttachmentReader(attachments);
        for (const part of parts) expect(reader.next(part.length)).toEqual(part);
        expect(() => reader.next(1)).toThrow(RangeError);
      }),
    );
  });

  test("of hostile bytes are decoded within them or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          const { attachments } = decodeEnvelope(bytes);
          expect(attachments.length).toBeLessThanOrEqual(bytes.length - 4);
        } catch (error) {
          expect(error instanceof RangeError || error instanceof SyntaxError).toBe(true);
        }
      }),
    );
  });

  test("a header length up to 2^32-1 past the end is refused", () => {
    expect(() => decodeEnvelope(Uint8Array.of(255, 255, 255, 255, 123, 125))).toThrow(RangeError);
    expect(() => decodeEnvelope(new Uint8Array(3))).toThrow(RangeError);
  });

  test.each([[-1], [1.5], [Number.NaN], [4], [2 ** 53], ["2" as never]])(
    "an attachment of length %j is refused",
    (length) => {
      expect(() => new AttachmentReader(new Uint8Array(3)).next(length)).toThrow(RangeError);
    },
  );

  test("an attachment is a copy of its own", () => {
    const source = Uint8Array.of(1, 2, 3);
    const part = new AttachmentReader(source).next(2);
    source[0] = 9;
    expect(part).toEqual(Uint8Array.of(1, 2));
    expect(part.buffer.byteLength).toBe(2);
  });
});

describe("u64", () => {
  test("comes back as it went in, at any offset", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(8), (value, offset) => {
        const bytes = new Uint8Array(16);
        writeU64(bytes, value, offset);
        expect(readU64(bytes, offset)).toBe(value);
        expect(new DataView(bytes.buffer).getBigUint64(offset, true)).toBe(BigInt(value));
      }),
    );
  });

  test("of hostile bytes is exact or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), fc.integer({ min: -2, max: 12 }), (bytes, offset) => {
        try {
          const value = readU64(bytes, offset);
          const exact = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(offset, true);
          expect(BigInt(value)).toBe(exact);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });

  test.each([[-1], [0.5], [2 ** 53], [Number.NaN]])("refuses to write %p", (value) => {
    expect(() => writeU64(new Uint8Array(8), value)).toThrow(RangeError);
  });
});

test("text comes back as it went in, a leading byte order mark included", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.oneof(fc.constant("\ufeff"), fc.string({ unit: "binary", maxLength: 1 })) }),
      (text) => {
        expect(decodeUtf8(encodeUtf8(text))).toBe(text);
        expect(decodeStrictUtf8(encodeUtf8(text))).toBe(text);
      },
    ),
  );
});

describe("the ABI table", () => {
  const rows: readonly HostFunctionSpec[] = HOST_FUNCTIONS;

  test("names every function once, with permissions and versions that exist", () => {
    const names = [...HOST_FUNCTIONS.map(({ name }) => name), ...ENGINE_IMPORTS];
    expect(new Set(names).size).toBe(names.length);
    for (const { permission, since, summary, result, effect, atBuild } of rows) {
      if (typeof permission === "string") expect(SIMPLE_PERMISSIONS).toContain(permission);
      // Nothing reaches a store without a permission. One to read or to write is of no use to a function that does not.
      if (effect !== "none") expect(permission).not.toBeNull();
      const named = /:(read|write)$/.exec(permissionLabel(permission) ?? "")?.[1];
      if (named !== undefined) expect(effect).toBe(named);
      if (atBuild === "accepted") expect(result).toBe("unit");
      expect(SUPPORTED_API_VERSIONS).toContain(since);
      expect(summary).not.toBe("");
    }
  });

  test("is found by name, and only by a name in it", () => {
    expect(findHostFunction("kv_get")?.permission).toBe("kv:read");
    expect(findHostFunction("toString")).toBeUndefined();
  });

  test("says which functions are answered without waiting", () => {
    expect(isImmediate("clock_now")).toBe(true);
    expect(isImmediate("kv_get")).toBe(false);
    expect(isImmediate("toString")).toBe(false);
  });
});
