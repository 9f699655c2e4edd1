import type { AspenError } from "@aspen/plugin-api";
import fc from "fast-check";
import { HandlerRegistry, PRIORITY_RANGES, type RequestHandler } from "../src/index.js";

function handler(name: string, priority: number, ...methods: string[]): RequestHandler {
  return {
    name,
    priority,
    methods: methods.map((method) => ({ method })),
    canHandle: (asked) =>
      methods.some((method) => (method.endsWith(".*") ? asked.startsWith(method.slice(0, -1)) : method === asked)),
    handle: async () => name,
  };
}

const priorities = fc.oneof(...Object.values(PRIORITY_RANGES).map(([min, max]) => fc.integer({ min, max })));

describe("HandlerRegistry", () => {
  it("orders handlers by priority, then by registration, whatever the order of registering and removing", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(priorities, fc.boolean()), { maxLength: 40 }), (entries) => {
        const registry = new HandlerRegistry();
        const kept: { at: number; priority: number }[] = [];
        entries.forEach(([priority, keep], at) => {
          const remove = registry.register(handler(String(at), priority, "a.b"));
          if (keep) kept.push({ at, priority });
          else remove();
          remove.call(null);
          if (keep) registry.register(handler(String(at), priority, "a.b"));
        });
        const expected = kept.sort((a, b) => a.priority - b.priority || a.at - b.at).map(({ at }) => String(at));
        expect(registry.list().map(({ name }) => name)).toEqual(expected);
        expect(registry.find("a.b")?.name).toBe(expected[0]);
      }),
    );
  });

  it("refuses a priority outside every range", () => {
    const registry = new HandlerRegistry();
    for (const priority of [-1, 0, 99, 400, 499, 700, 1000, 150.5, Number.NaN]) {
      expect(() => registry.register(handler("h", priority, "a.b"))).toThrow(
        expect.objectContaining({ code: "CONFIG_INVALID" }) as AspenError,
      );
    }
    expect(registry.list()).toEqual([]);
  });

  it.each([
    ["null", null, /no name/],
    ["a text", "kv", /no name/],
    ["one without a list of methods", { ...handler("h", 500), methods: undefined }, /lists no methods/],
    ["one that cannot be asked", { ...handler("h", 500), canHandle: true }, /no function canHandle/],
    ["one that cannot answer", { ...handler("h", 500), handle: undefined }, /no function handle/],
  ])("refuses %s: it would fail every request", (_name, none, message) => {
    const registry = new HandlerRegistry();
    const expected = { code: "CONFIG_INVALID", message: expect.stringMatching(message) };
    expect(() => registry.register(none as never)).toThrow(expect.objectContaining(expected) as AspenError);
    expect(registry.list()).toEqual([]);
  });

  it("reports the methods that an earlier handler answers", () => {
    const registry = new HandlerRegistry();
    registry.register(handler("core", 100, "kv.get", "blob.*"));
    expect(registry.shadowed(handler("p", 950, "kv.get", "kv.mine"))).toEqual([
      { method: "kv.get", by: "core", priority: 100 },
    ]);
    expect(registry.shadowed(handler("p", 950, "kv.*"))).toEqual([{ method: "kv.get", by: "core", priority: 100 }]);
    expect(registry.shadowed(handler("p", 950, "blob.x.*"))).toEqual([
      { method: "blob.x.*", by: "core", priority: 100 },
    ]);
    expect(registry.shadowed(handler("p", 950, "other.*"))).toEqual([]);
    const own = handler("own", 100, "kv.get");
    registry.register(own);
    expect(registry.shadowed(own)).toEqual([{ method: "kv.get", by: "core", priority: 100 }]);
    expect(registry.shadowed(registry.list()[0]!)).toEqual([]);
  });

  it("describes what reaches a handler", () => {
    const registry = new HandlerRegistry();
    registry.register(handler("core", 100, "kv.get"));
    registry.register(handler("late", 900, "kv.get", "late.*"));
    const plain = { safe: false, streams: false };
    expect(registry.describe()).toEqual([
      { method: "kv.get", handler: "core", priority: 100, ...plain, access: { methods: ["kv.get"], kvKeys: false } },
      { method: "late.*", handler: "late", priority: 900, ...plain, access: { methods: ["late.*"], kvKeys: false } },
    ]);
  });
});
