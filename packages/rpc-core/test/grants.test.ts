import fc from "fast-check";
import {
  ALL_GRANTS,
  type Grants,
  grantsKey,
  grantsMethod,
  includesGrants,
  intersectGrants,
  NO_GRANTS,
} from "../src/index.js";

// Few letters, so that patterns, names and prefixes meet.
const segment = fc.constantFrom("a", "b", "ab");
const method = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("."));
const pattern = fc.oneof(
  method,
  method.map((name) => `${name}.*`),
  fc.constant("*"),
);
const key = fc.string({ unit: fc.constantFrom("a", "b", ":"), maxLength: 5 });
const grants: fc.Arbitrary<Grants> = fc.record({
  methods: fc.array(pattern, { maxLength: 5 }),
  kvPrefixes: fc.array(key, { maxLength: 5 }),
});

const sorted = ({ methods, kvPrefixes }: Grants) => ({
  methods: [...methods].sort(),
  kvPrefixes: [...kvPrefixes].sort(),
});

describe("grants", () => {
  it("name methods one by one, by prefix.*, or all", () => {
    fc.assert(
      fc.property(grants, method, (held, name) => {
        const parts = name.split(".");
        const expected =
          held.methods.includes("*") ||
          held.methods.includes(name) ||
          parts.slice(1).some((_, at) => held.methods.includes(`${parts.slice(0, at + 1).join(".")}.*`));
        expect(grantsMethod(held, name)).toBe(expected);
      }),
    );
  });

  it("name keys and prefixes of scans by their beginnings", () => {
    fc.assert(
      fc.property(grants, key, (held, name) => {
        const beginnings = Array.from({ length: name.length + 1 }, (_, at) => name.slice(0, at));
        expect(grantsKey(held, name)).toBe(beginnings.some((prefix) => held.kvPrefixes.includes(prefix)));
      }),
    );
  });

  it("never give a scan more keys than they name", () => {
    fc.assert(
      fc.property(grants, key, key, (held, prefix, rest) => {
        if (grantsKey(held, prefix)) expect(grantsKey(held, prefix + rest)).toBe(true);
      }),
    );
  });
});

describe("intersectGrants", () => {
  it("grants what both grant, and nothing else", () => {
    fc.assert(
      fc.property(grants, grants, method, key, (a, b, name, at) => {
        const both = intersectGrants(a, b);
        expect(grantsMethod(both, name)).toBe(grantsMethod(a, name) && grantsMethod(b, name));
        expect(grantsKey(both, at)).toBe(grantsKey(a, at) && grantsKey(b, at));
      }),
      { numRuns: 2000 },
    );
  });

  it("is the same in either order, and grows no longer than what it is made of", () => {
    fc.assert(
      fc.property(grants, grants, (a, b) => {
        const both = intersectGrants(a, b);
        expect(sorted(both)).toEqual(sorted(intersectGrants(b, a)));
        expect(both.methods.length).toBeLessThanOrEqual(a.methods.length + b.methods.length);
        expect(intersectGrants(both, a)).toEqual(intersectGrants(both, both));
      }),
    );
  });

  it("has all grants and none as its ends", () => {
    fc.assert(
      fc.property(grants, (held) => {
        const unique = (list: readonly string[]) => [...new Set(list)];
        const { methods, kvPrefixes } = intersectGrants(held, ALL_GRANTS);
        expect([unique(methods).sort(), unique(kvPrefixes).sort()]).toEqual([
          unique(held.methods).sort(),
          unique(held.kvPrefixes).sort(),
        ]);
        expect(intersectGrants(held, NO_GRANTS)).toEqual(NO_GRANTS);
      }),
    );
  });
});

describe("includesGrants", () => {
  it("holds only where everything that is granted by the one is granted by the other", () => {
    fc.assert(
      fc.property(grants, grants, method, key, (wide, narrow, name, at) => {
        if (!includesGrants(wide, narrow)) return;
        if (grantsMethod(narrow, name)) expect(grantsMethod(wide, name)).toBe(true);
        if (grantsKey(narrow, at)) expect(grantsKey(wide, at)).toBe(true);
      }),
    );
  });

  it("holds for what two of them share, and for all and nothing", () => {
    fc.assert(
      fc.property(grants, grants, (a, b) => {
        expect(includesGrants(a, intersectGrants(a, b))).toBe(true);
        expect(includesGrants(ALL_GRANTS, a)).toBe(true);
        expect(includesGrants(a, NO_GRANTS)).toBe(true);
      }),
    );
  });
});
