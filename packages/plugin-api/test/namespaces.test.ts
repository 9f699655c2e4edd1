import {
  defaultKvPrefix,
  isKeyAllowed,
  isScanPrefixAllowed,
  namespaceOf,
  prefixesOverlap,
  prefixProblem,
  RESERVED_PREFIXES,
  withKvPrefixes,
} from "@aspen/plugin-api";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

// A small alphabet, so that prefixes and keys meet often.
const text = fc.string({ unit: fc.constantFrom("a", "b", ":", "/", "_"), maxLength: 6 });
const prefix = fc.tuple(text, fc.constantFrom(":", "/")).map(([start, end]) => start + end);

describe("prefixes", () => {
  test("two overlap exactly when some key starts with both", () => {
    fc.assert(
      fc.property(prefix, prefix, text, (a, b, rest) => {
        if (prefixesOverlap(a, b)) {
          const longer = a.length > b.length ? a : b;
          expect(isKeyAllowed([a], longer + rest) && isKeyAllowed([b], longer + rest)).toBe(true);
        } else {
          expect(isKeyAllowed([b], a + rest) || isKeyAllowed([a], b + rest)).toBe(false);
        }
      }),
    );
  });

  test("an allowed scan never meets a key that is not allowed", () => {
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 3 }), text, text, (allowed, scanned, rest) => {
        if (isScanPrefixAllowed(allowed, scanned)) expect(isKeyAllowed(allowed, scanned + rest)).toBe(true);
      }),
    );
  });

  test("a scan wider than every grant is refused", () => {
    fc.assert(
      fc.property(prefix, fc.nat(), (granted, cut) => {
        expect(isScanPrefixAllowed([granted], granted.slice(0, cut % granted.length))).toBe(false);
      }),
    );
  });

  test("no grant, no key", () => {
    expect(isKeyAllowed([], "a")).toBe(false);
    expect(isScanPrefixAllowed([], "")).toBe(false);
  });

  test("no prefix that may be claimed reaches a reserved key or another plugin's default namespace", () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,5}$/);
    const claim = fc.oneof(
      prefix,
      fc.constantFrom(...Object.keys(RESERVED_PREFIXES), "__plugin:", "__", "_:"),
      fc.tuple(name, text).map(([other, rest]) => defaultKvPrefix(other) + rest),
    );
    fc.assert(
      fc.property(name, claim, name, (plugin, claimed, other) => {
        if (prefixProblem(plugin, claimed) !== null) return;
        for (const reserved of Object.keys(RESERVED_PREFIXES)) expect(prefixesOverlap(claimed, reserved)).toBe(false);
        if (other !== plugin) expect(prefixesOverlap(claimed, defaultKvPrefix(other))).toBe(false);
      }),
    );
  });

  test("a plugin that asks for none has exactly its default one", () => {
    expect(withKvPrefixes("echo", [])).toEqual(["__plugin:echo:"]);
    expect(withKvPrefixes("echo", ["e:"])).toEqual(["e:"]);
  });
});

describe("namespaceOf", () => {
  test.each([
    ["a:b:c", "a:"],
    ["plain", "plain"],
    ["", ""],
    [":x", ":"],
    ["__plugin:echo:count", "__plugin:echo:"],
    ["__plugin:echo", "__plugin:"],
    ["__pluginx:echo:count", "__pluginx:"],
  ])("of %j is %j", (key, namespace) => {
    expect(namespaceOf(key)).toBe(namespace);
  });

  test("is a prefix of its key, and keys that extend a namespaced key share it", () => {
    fc.assert(
      fc.property(text, text, (key, rest) => {
        const namespace = namespaceOf(key);
        expect(key.startsWith(namespace)).toBe(true);
        if (namespace.endsWith(":")) expect(namespaceOf(key + rest)).toBe(namespace);
      }),
    );
  });
});
