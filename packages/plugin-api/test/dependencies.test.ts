import { dependentsOf, type PluginManifest, parseManifest, resolveLoadOrder } from "@aspen/plugin-api";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

type Needs = (string | { name: string; version?: string; optional?: boolean })[];

function plugin(name: string, needs: Needs = [], version = "1.0.0"): PluginManifest {
  const dependencies = needs.map((it) => (typeof it === "string" ? { name: it } : it));
  return parseManifest({ name, version, api_version: "1", handles: [`${name}.do`], dependencies });
}

const names = (manifests: readonly PluginManifest[]) => manifests.map(({ name }) => name);

describe("resolveLoadOrder", () => {
  test("puts dependencies first and breaks ties alphabetically", () => {
    const { order, problems } = resolveLoadOrder([
      plugin("d"),
      plugin("a", ["c"]),
      plugin("c"),
      plugin("b", ["a", "d"]),
    ]);
    expect(names(order)).toEqual(["c", "a", "d", "b"]);
    expect(problems).toEqual([]);
  });

  test("names a cycle exactly, and does not count its dependents among it", () => {
    const { order, problems } = resolveLoadOrder([
      plugin("c", ["b"]),
      plugin("b", ["a"]),
      plugin("a", ["c"]),
      plugin("innocent", ["b"]),
      plugin("further", ["innocent"]),
      plugin("free"),
    ]);
    expect(names(order)).toEqual(["free"]);
    const cycle = "is part of the dependency cycle a → c → b → a";
    expect(problems).toEqual([
      { plugin: "a", problem: cycle, code: "PLUGIN_DEPENDENCY" },
      { plugin: "b", problem: cycle, code: "PLUGIN_DEPENDENCY" },
      { plugin: "c", problem: cycle, code: "PLUGIN_DEPENDENCY" },
      { plugin: "further", problem: "depends on innocent, which cannot be loaded", code: "PLUGIN_DEPENDENCY" },
      { plugin: "innocent", problem: "depends on b, which cannot be loaded", code: "PLUGIN_DEPENDENCY" },
    ]);
  });

  test("tells two cycles apart that hang together, and one plugin that depends on itself", () => {
    const { problems } = resolveLoadOrder([
      plugin("a", ["b"]),
      plugin("b", ["a", "c"]),
      plugin("c", ["d"]),
      plugin("d", ["c"]),
      plugin("self", ["self"]),
    ]);
    expect(problems.map(({ plugin, problem }) => `${plugin} ${problem}`)).toEqual([
      "a is part of the dependency cycle a → b → a",
      "b is part of the dependency cycle a → b → a",
      "c is part of the dependency cycle c → d → c",
      "d is part of the dependency cycle c → d → c",
      "self is part of the dependency cycle self → self",
    ]);
  });

  test("a required dependency must be there, an optional one need not", () => {
    const { order, problems } = resolveLoadOrder([
      plugin("a", ["gone"]),
      plugin("b", [{ name: "gone", optional: true }]),
    ]);
    expect(names(order)).toEqual(["b"]);
    expect(problems).toMatchObject([{ plugin: "a", problem: "needs gone *, which is not installed" }]);
  });

  test("a version must satisfy the range, also that of an optional one that is there", () => {
    const { order, problems } = resolveLoadOrder([
      plugin("lib", [], "2.0.0-beta.1"),
      plugin("a", [{ name: "lib", version: "^1.0.0" }]),
      plugin("b", [{ name: "lib", version: "^1.0.0", optional: true }]),
      plugin("c", [{ name: "lib" }]),
    ]);
    expect(names(order)).toEqual(["lib", "c"]);
    const problem = "needs lib ^1.0.0, but version 2.0.0-beta.1 is installed";
    expect(problems).toMatchObject([
      { plugin: "a", problem },
      { plugin: "b", problem },
    ]);
  });

  test("an optional dependency that cannot be loaded holds nobody up, one that can comes first", () => {
    const optional = (name: string) => [{ name, optional: true }];
    const { order } = resolveLoadOrder([
      plugin("a", optional("z")),
      plugin("b", optional("bad")),
      plugin("bad", ["gone"]),
      plugin("z"),
    ]);
    expect(names(order)).toEqual(["b", "z", "a"]);
  });

  test("of two with one name the first counts", () => {
    const first = plugin("a", [], "1.0.0");
    const { order, problems } = resolveLoadOrder([first, plugin("a", [], "2.0.0")]);
    expect(order).toEqual([first]);
    expect(problems).toEqual([{ plugin: "a", problem: "is there more than once", code: "PLUGIN_NAME_TAKEN" }]);
  });

  test("any graph without cycles is ordered whole, dependencies first, whatever order it came in", () => {
    const graph = fc.integer({ min: 1, max: 12 }).chain((size) =>
      fc.record({
        edges: fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1), fc.boolean()), { maxLength: 30 }),
        shuffled: fc.shuffledSubarray([...Array(size).keys()], { minLength: size }),
      }),
    );
    fc.assert(
      fc.property(graph, ({ edges, shuffled }) => {
        const manifests = shuffled.map((index) =>
          plugin(
            `p${index}`,
            edges
              .filter(([from, to]) => from === index && to < from)
              .slice(0, 16)
              .map(([, to, optional]) => ({ name: `p${to}`, optional })),
          ),
        );
        const { order, problems } = resolveLoadOrder(manifests);
        expect(problems).toEqual([]);
        expect(names(order).sort()).toEqual(names(manifests).sort());
        for (const [at, { dependencies }] of order.entries()) {
          for (const { name } of dependencies) expect(names(order.slice(0, at))).toContain(name);
        }
        expect(names(resolveLoadOrder([...manifests].reverse()).order)).toEqual(names(order));
      }),
      { numRuns: 50 },
    );
  });

  test("of any graph at all every plugin is either ordered or has a problem, and what is ordered can be loaded", () => {
    const name = fc.constantFrom("a", "b", "c", "d", "e", "f");
    const need = fc.record({ name, version: fc.constantFrom("*", "^1.0.0", "^2.0.0"), optional: fc.boolean() });
    const manifest = fc
      .tuple(name, fc.array(need, { maxLength: 3 }), fc.constantFrom("1.0.0", "2.1.0"))
      .map(([own, needs, version]) => plugin(own, needs, version));
    fc.assert(
      fc.property(fc.array(manifest, { maxLength: 8 }), (manifests) => {
        const { order, problems } = resolveLoadOrder(manifests);
        const ordered = names(order);
        const refused = new Set(problems.map(({ plugin }) => plugin));
        for (const { name } of manifests) expect(ordered.includes(name) || refused.has(name)).toBe(true);
        expect(new Set(ordered).size).toBe(ordered.length);
        for (const [at, { dependencies }] of order.entries()) {
          for (const { name, optional } of dependencies) {
            if (!optional || ordered.includes(name)) expect(ordered.slice(0, at)).toContain(name);
          }
        }
        for (const { problem } of problems) {
          const cycle = /cycle (.*)$/.exec(problem)?.[1]?.split(" → ");
          for (const [at, from] of (cycle ?? []).slice(0, -1).entries()) {
            const edges = manifests.find(({ name }) => name === from)!.dependencies;
            expect(edges.map(({ name }) => name)).toContain(cycle![at + 1]);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

test("dependentsOf names the plugins that require one, not those that could do without", () => {
  const manifests = [
    plugin("b", ["lib"]),
    plugin("a", ["lib"]),
    plugin("c", [{ name: "lib", optional: true }]),
    plugin("d", ["a"]),
  ];
  expect(dependentsOf("lib", manifests)).toEqual(["a", "b"]);
  expect(dependentsOf("d", manifests)).toEqual([]);
});
