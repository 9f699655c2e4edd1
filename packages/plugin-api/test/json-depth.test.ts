import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { jsonNestsDeeper } from "../src/index.js";

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe("jsonNestsDeeper", () => {
  test("counts as a parser would, whatever is in the strings", () => {
    const tricky = fc.oneof(fc.string(), fc.constantFrom('"', "\\", '[{"', '\\"[', "]]]"));
    const value = fc.jsonValue({ maxDepth: 6 }).chain((json) => tricky.map((text) => [json, text, { [text]: json }]));
    fc.assert(
      fc.property(value, fc.nat(10), (json, limit) => {
        expect(jsonNestsDeeper(JSON.stringify(json), limit)).toBe(depthOf(json) > limit);
      }),
    );
  });

  test("does not run out of stack, and ends on text that is no JSON", () => {
    expect(jsonNestsDeeper("[".repeat(1_000_000), 64)).toBe(true);
    expect(jsonNestsDeeper('"unclosed', 1)).toBe(false);
    expect(jsonNestsDeeper("]]]]", 1)).toBe(false);
  });
});
