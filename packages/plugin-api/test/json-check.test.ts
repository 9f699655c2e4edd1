import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { encodeUtf8, jsonProblem, LIMITS } from "../src/index.js";

const bounds = { depth: LIMITS.jsonDepth };
const reason = (text: string, more: { depth?: number; values?: number } = {}) =>
  jsonProblem(encodeUtf8(text), { ...bounds, ...more })?.reason ?? null;

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function hasInfinity(text: string): boolean {
  let found = false;
  JSON.parse(text, (_key, value) => {
    found ||= typeof value === "number" && !Number.isFinite(value);
  });
  return found;
}

describe("jsonProblem", () => {
  test("takes what a parser takes", () => {
    const spaced = fc.tuple(fc.jsonValue(), fc.constantFrom(0, 1, "\t", " \n"));
    fc.assert(
      fc.property(spaced, ([value, space]) => {
        expect(reason(JSON.stringify(value, null, space), { depth: 1000 })).toBeNull();
      }),
    );
  });

  test("refuses what a parser refuses, one wrong character in the middle included", () => {
    const pieces = ['"', "\\", "{", "}", "[", "]", ",", ":", "0", "1", "-", "+", ".", "e", "E", "u00", "x", " ", "\n"];
    const piece = fc.constantFrom(...pieces, "\u0000", "true", "nul", "null", "é", "01", "\ufeff", "\u00a0", "\v");
    const hurt = fc
      .tuple(fc.jsonValue(), fc.nat(), fc.nat(3), fc.array(piece, { maxLength: 3 }))
      .map(([value, where, cut, insert]) => {
        const text = JSON.stringify(value);
        const at = where % (text.length + 1);
        return text.slice(0, at) + insert.join("") + text.slice(at + cut);
      });
    const soup = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(hurt, soup), (text) => {
        // A lone surrogate is not what the bytes have.
        fc.pre(text.isWellFormed());
        const found = reason(text, { depth: 1000 });
        // Such a number is found before what is wrong behind it.
        if (found !== "number") expect([text, found === null]).toEqual([text, parses(text)]);
        else expect([text, !parses(text) || hasInfinity(text)]).toEqual([text, true]);
      }),
      { numRuns: 5000 },
    );
  });

  test("refuses numbers that no double can hold, and only those", () => {
    const large = ["1e400", "-1e400", "1E+309", "[1e309]", '{"a":[0,2e308]}', `1${"0".repeat(309)}`, "0.1e310"];
    for (const text of large) expect([text, reason(text)]).toEqual([text, "number"]);
    const long = `0.${"0".repeat(400)}1e500`;
    const fine = [
      "-0",
      "1e308",
      "-1.7976931348623157e308",
      "1e-400",
      "12345678901234567890",
      "0e999",
      "0.001e309",
      long,
    ];
    for (const text of [...fine, `1${"0".repeat(308)}`, '"1e400"']) expect([text, reason(text)]).toEqual([text, null]);
  });

  test("counts levels, values and keys", () => {
    expect(reason("[[[]]]", { depth: 3 })).toBeNull();
    expect(reason('[{"a":[]}]', { depth: 2 })).toBe("depth");
    expect(reason("[".repeat(1_000_000))).toBe("depth");
    expect(reason('{"a":1,"b":[2,"x"]}', { values: 7 })).toBeNull();
    expect(reason('{"a":1,"b":[2,"x"]}', { values: 6 })).toBe("values");
  });

  test("says where a text goes wrong", () => {
    expect(jsonProblem(encodeUtf8('{"a":x}'), bounds)?.problem).toMatch(/at byte 5$/);
    expect(jsonProblem(encodeUtf8('{"a":"x'), bounds)?.problem).toMatch(/ends too early, after 7 bytes$/);
  });
});
