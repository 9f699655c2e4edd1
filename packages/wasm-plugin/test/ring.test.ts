import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createRingBuffer, Ring, type RingFields } from "../src/protocol/ring.js";

const CAPACITY = 256;

describe("Ring", () => {
  test("hands out what was pushed, in order, however pushes and reads alternate", () => {
    const body = fc.oneof(fc.string({ unit: "grapheme", maxLength: 40 }), fc.uint8Array({ maxLength: 300 }));
    const step = fc.oneof(fc.record({ push: body }), fc.constant("read" as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const memory = createRingBuffer(CAPACITY);
        const writer = new Ring(memory);
        const reader = new Ring(memory);
        const expected: { fields: RingFields; bytes: Buffer }[] = [];
        const read = () => {
          const record = reader.peek();
          const next = expected.shift();
          if (!next) return expect(record).toBeNull();
          expect(record?.fields).toEqual(next.fields);
          expect(Buffer.compare(record!.body, next.bytes)).toBe(0);
          reader.release();
        };
        for (const [index, it] of steps.entries()) {
          if (it === "read") {
            read();
            continue;
          }
          const bytes = Buffer.from(it.push as string);
          const fields: RingFields = [index, -1, 0.5, Number.MAX_SAFE_INTEGER];
          const pushed = writer.push(fields, it.push);
          if (pushed) expected.push({ fields, bytes });
          // An empty ring takes any record of up to half its size, wherever it stands.
          else expect(expected.length > 0 || bytes.length > CAPACITY / 2 - 48).toBe(true);
        }
        while (expected.length > 0) read();
        expect(reader.isEmpty).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("what the writer takes back is never claimed, and everything else is, once", () => {
    const step = fc.oneof(fc.record({ push: fc.nat(60) }), fc.constantFrom("claim" as const, "takeBack" as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const memory = createRingBuffer(CAPACITY);
        const [writer, reader] = [new Ring(memory), new Ring(memory)];
        let unclaimed: { mark: number; id: number; length: number }[] = [];
        let claims = 0;
        const claim = () => {
          const record = reader.claim();
          const next = unclaimed.shift();
          if (!next) return expect(record).toBeNull();
          claims += 1;
          expect([record?.fields[0], record?.body.length, writer.claimed]).toEqual([next.id, next.length, claims]);
          reader.release();
        };
        for (const [id, it] of steps.entries()) {
          if (it === "claim") claim();
          else if (it === "takeBack") {
            const from = Math.floor(unclaimed.length / 2);
            expect(writer.hold()).toBe(true);
            if (unclaimed[from]) writer.takeBack(unclaimed[from].mark);
            writer.letGo();
            unclaimed = unclaimed.slice(0, from);
          } else {
            const mark = writer.mark;
            if (writer.push([id, 0, 0, 0], "x".repeat(it.push))) unclaimed.push({ mark, id, length: it.push });
          }
        }
        while (unclaimed.length > 0) claim();
        expect(reader.claim()).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  test("its flag tells each side once", () => {
    const ring = new Ring(createRingBuffer(CAPACITY));
    expect([ring.raise(), ring.raise(), ring.lower(), ring.lower(), ring.raise()]).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
  });

  test("whatever the other side writes, reading gives a record within the ring, nothing, or an error", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { minLength: 80, maxLength: 80 }),
        (words) => {
          const memory = createRingBuffer(CAPACITY);
          new Int32Array(memory).set(words.slice(0, memory.byteLength / 4));
          const ring = new Ring(memory);
          try {
            const record = ring.peek();
            if (record) expect(record.body.length).toBeLessThanOrEqual(CAPACITY);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
