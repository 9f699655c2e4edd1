import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  Balancer,
  consistentHash,
  HeldRegistration,
  type Instance,
  leastLoaded,
  roundRobin,
  ServiceWatch,
  weighted,
  zoneAware,
} from "../src/client.js";
import { startRegistry, type TestRegistry, until } from "./support.js";

function instances(count: number, more: (at: number) => Partial<Instance> = () => ({})): Instance[] {
  return Array.from({ length: count }, (_, at) => ({
    ...{ service: "web", id: `i${at}`, address: "10.0.0.1", port: 80, tags: [], version: null, weight: 1, zone: null },
    ...{ metadata: {}, health: "passing", status: "passing", checks: [], ttlMs: null, fencingToken: at + 1 },
    ...{ revision: 1, registeredAt: 0, changedAt: 0, ...more(at) },
  })) as Instance[];
}

function counts(picked: readonly Instance[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { id } of picked) found[id] = (found[id] ?? 0) + 1;
  return found;
}

describe("policies", () => {
  test("round robin gives each its turn", () => {
    const policy = roundRobin();
    const three = instances(3);
    expect(Array.from({ length: 6 }, () => policy.pick(three, "").id)).toEqual(["i0", "i1", "i2", "i0", "i1", "i2"]);
  });

  test("weights are kept exactly, spread out, and none means none", () => {
    const policy = weighted();
    const three = instances(3, (at) => ({ weight: [5, 1, 0][at]! }));
    const picked = Array.from({ length: 12 }, () => policy.pick(three, ""));
    expect(counts(picked)).toEqual({ i0: 10, i1: 2 });
    expect(picked.slice(0, 6).map(({ id }) => id)).toEqual(["i0", "i0", "i0", "i1", "i0", "i0"]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 }), (weights) => {
        const own = weighted();
        const all = instances(weights.length, (at) => ({ weight: weights[at]! }));
        const sum = weights.reduce((total, weight) => total + weight, 0);
        const found = counts(Array.from({ length: sum }, () => own.pick(all, "")));
        for (const [at, weight] of weights.entries()) expect(found[`i${at}`]).toBe(weight);
      }),
    );
  });

  test("the least loaded is taken, by its weight", () => {
    const load: Record<string, number> = { i0: 3, i1: 1, i2: 2 };
    const policy = leastLoaded(({ id }) => load[id]!);
    expect(policy.pick(instances(3), "").id).toBe("i1");
    expect(
      policy.pick(
        instances(3, (at) => ({ weight: at === 0 ? 10 : 1 })),
        "",
      ).id,
    ).toBe("i0");
  });

  test("a ring keeps a key where it is when others come and go, and spreads keys", () => {
    const ten = instances(10);
    const policy = consistentHash();
    const keys = Array.from({ length: 2000 }, (_, at) => `key-${at}`);
    const before = keys.map((key) => policy.pick(ten, key).id);
    const elsewhere = consistentHash();
    expect(keys.map((key) => elsewhere.pick(ten, key).id)).toEqual(before);
    for (const share of Object.values(counts(keys.map((key) => policy.pick(ten, key))))) {
      expect(share).toBeGreaterThan(100);
      expect(share).toBeLessThan(350);
    }
    const nine = ten.filter(({ id }) => id !== "i4");
    const after = keys.map((key) => policy.pick(nine, key).id);
    for (const [at, id] of before.entries()) if (id !== "i4") expect(after[at]).toBe(id);
  });

  test("one's own zone comes first, while it has any", () => {
    const policy = zoneAware("a", roundRobin());
    const both = instances(4, (at) => ({ zone: at % 2 ? "a" : "b" }));
    expect(Array.from({ length: 4 }, () => policy.pick(both, "").id)).toEqual(["i1", "i3", "i1", "i3"]);
    expect(policy.pick(instances(1), "").id).toBe("i0");
  });
});

describe("with a registry", () => {
  let store: MemoryStore;
  let registry: TestRegistry;
  beforeAll(async () => {
    store = new MemoryStore();
    registry = await startRegistry(store, { config: { registerNode: false } });
  }, 120_000);
  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
    await store?.[Symbol.asyncDispose]();
  });

  test("a watch is kept up to date, and a balancer takes who is healthy", async () => {
    const { client } = registry;
    await using first = await HeldRegistration.register(client, { service: "kept", id: "a", address: "10.0.0.1" });
    using watch = new ServiceWatch(client, "kept", { waitMs: 2000 });
    await watch.ready();
    const balancer = new Balancer(watch, { policy: "least-loaded" });
    using one = balancer.pick();
    expect(one).toMatchObject({ stale: false, instance: { id: "a" } });
    const second = await HeldRegistration.register(client, { service: "kept", id: "b", address: "10.0.0.2" });
    await until(() => watch.instances.length === 2, "the second");
    using two = balancer.pick();
    expect(two.instance.id).toBe("b");
    const { service, id, fencingToken } = first.instance;
    await client.call("service.update", { service, id, fencingToken, health: "critical" });
    await until(() => watch.instances.some(({ status }) => status === "critical"), "the change");
    expect(balancer.pick().instance.id).toBe("b");
    await second[Symbol.asyncDispose]();
    await until(() => watch.instances.length === 1, "the end of the second");
    expect(() => balancer.pick()).toThrow(expect.objectContaining({ code: "SERVICE_NOT_FOUND" }));
  });

  test("a registration lives on, comes back when it has expired, and ends when somebody else takes it", async () => {
    const { client } = registry;
    await using held = await HeldRegistration.register(client, {
      ...{ service: "beating", id: "a", address: "10.0.0.1", ttlMs: 1000 },
    });
    const first = held.instance.fencingToken;
    const registered = performance.now();
    await until(async () => {
      expect(await client.call("service.get", { service: "beating", id: "a" })).not.toBeNull();
      return performance.now() - registered > 2500;
    });
    expect(held.instance.fencingToken).toBe(first);
    await store.kv.delete("__service:i:beating/a");
    await until(() => held.instance.fencingToken > first, "the new registration");
    await client.call("service.register", { service: "beating", id: "a", address: "10.0.0.9" });
    await until(() => held.fenced.aborted, "the loss");
    expect(held.fenced.reason).toMatchObject({ code: "SERVICE_FENCED" });
  });

  test("a watch that no node answers keeps what it knew, marked stale, and never goes back", async () => {
    const state = { service: "x", instances: instances(1), stale: false };
    let answer: () => Promise<unknown> = async () => ({ ...state, index: 5 });
    // biome-ignore lint/suspicious/noExplicitAny: the one method that is called
    using watch = new ServiceWatch({ call: () => answer() } as any, "x", { retryMs: 5, waitMs: 10 });
    await watch.ready();
    expect([watch.index, watch.stale]).toEqual([5, false]);
    answer = () => Promise.reject(new Error("away"));
    await until(() => watch.stale, "staleness");
    expect(watch.instances).toHaveLength(1);
    let asked = 0;
    answer = async () => {
      asked++;
      return { ...state, index: 4, instances: [] };
    };
    await until(() => asked > 3, "questions");
    expect([watch.index, watch.instances.length]).toEqual([5, 1]);
    answer = async () => ({ ...state, index: 6, instances: instances(2) });
    await until(() => watch.index === 6, "the new state");
    expect([watch.instances.length, watch.stale]).toEqual([2, false]);
  });
});
