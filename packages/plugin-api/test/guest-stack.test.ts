import { describe, expect, test } from "@jest/globals";
import { GuestStackMap, SOURCE_MAP_LIMITS } from "../src/index.js";

const map = (fields: object = {}) =>
  JSON.stringify({ version: 3, sources: ["src/plugin.ts"], names: [], mappings: "AAAA;AACA", ...fields });

describe("a source map", () => {
  test("translates positions of the bundle, and no others", () => {
    const stack = "at run (plugin.js:2:1)\nat run (other.js:2:1)\nat run (plugin.js:99999:1)";
    expect(new GuestStackMap(map()).map(stack)).toMatch(/^at run \(src\/plugin\.ts:2:1\)\nat run \(other\.js:2:1\)/);
  });

  test("writes names as they are in JSON, so that a mapped record stays JSON", () => {
    const odd = new GuestStackMap(map({ sources: ['a"\\\n.ts'] }));
    expect(JSON.parse(odd.map('{"stack":"plugin.js:1:1"}'))).toEqual({ stack: 'a"\\\n.ts:1:1' });
  });

  test("makes a text no longer than asked", () => {
    const long = new GuestStackMap(map({ sources: ["s".repeat(1000)] }));
    const text = "plugin.js:1:1\n".repeat(100);
    const mapped = long.map(text, 4000);
    expect(mapped.length).toBeLessThanOrEqual(4000);
    expect(mapped).toContain("s".repeat(1000));
    expect(mapped.endsWith("plugin.js:1:1\n")).toBe(true);
  });

  test.each<[string, string]>([
    ["a length instead of sources", '{"version":3,"sources":{"length":50000000},"mappings":"A"}'],
    [
      "sections",
      JSON.stringify({ version: 3, sections: [{ offset: { line: 0, column: 0 }, map: JSON.parse(map()) }] }),
    ],
    ["sections beside a map", map({ sections: [] })],
    ["another version", map({ version: 2 })],
    ["no mappings", map({ mappings: undefined })],
    ["mappings of another kind", map({ mappings: { length: 5 } })],
    ["mappings that are no base64 VLQ", map({ mappings: "AAAA;é" })],
    ["sources that are no strings", map({ sources: [1] })],
    ["names that are no strings", map({ names: [{}] })],
    ["names of a length", map({ names: { length: 50_000_000 } })],
    ["too many sources", map({ sources: Array(SOURCE_MAP_LIMITS.sources + 1).fill("a") })],
    ["too many names", map({ names: Array(SOURCE_MAP_LIMITS.names + 1).fill("a") })],
    ["a long source", map({ sources: ["a".repeat(SOURCE_MAP_LIMITS.sourceLength + 1)] })],
    ["too many mappings", map({ mappings: "A,".repeat(SOURCE_MAP_LIMITS.mappings / 2 + 1) })],
    ["too many bytes", map({ file: "a".repeat(SOURCE_MAP_LIMITS.bytes) })],
    ["a list", "[]"],
    ["null", "null"],
    ["text", "no"],
  ])("with %s is refused", (_what, json) => {
    expect(() => new GuestStackMap(json)).toThrow();
  });
});
