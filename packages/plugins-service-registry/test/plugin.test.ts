import { EventLog } from "@aspen/layers";
import { decodeUtf8 } from "@aspen/plugin-api";
import type { KnownMethod, ParamsOf, ResultOf } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type {} from "../src/index.js";
import { startRegistry, type TestRegistry, until } from "./support.js";

let store: MemoryStore;
let registry: TestRegistry;
beforeAll(async () => {
  store = new MemoryStore();
  registry = await startRegistry(store);
}, 120_000);
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await store?.[Symbol.asyncDispose]();
});

const call = <M extends KnownMethod>(method: M, params: ParamsOf<M>) =>
  // biome-ignore lint/suspicious/noExplicitAny: the arguments are those of the method
  registry.client.call<M>(method, ...([params] as any));
const web = (id: string, more: object = {}) =>
  call("service.register", { service: "web", id, address: "10.0.0.1", port: 80, ...more });

describe("instances", () => {
  test("are registered, found and taken off, and their tokens never come again", async () => {
    const first = await call("service.register", { service: "once", id: "a", address: "10.0.0.1", port: 80 });
    expect(first).toMatchObject({
      replaced: false,
      instance: { fencingToken: 1, revision: 1, status: "passing", weight: 1, ttlMs: 30_000, version: null },
    });
    await expect(call("service.get", { service: "once", id: "a" })).resolves.toEqual(first.instance);
    const again = await call("service.register", { service: "once", id: "a", address: "10.0.0.2" });
    expect(again).toMatchObject({ replaced: true, instance: { fencingToken: 2, revision: 2, port: null } });
    const old = { service: "once", id: "a", fencingToken: 1 };
    for (const method of ["service.heartbeat", "service.deregister"] as const) {
      const refused = call(method, old);
      await expect(refused).rejects.toMatchObject({ code: "SERVICE_FENCED", details: { service: "once", id: "a" } });
      await refused.catch((error) => expect(error.message).not.toMatch(/\b2\b/));
    }
    await expect(call("service.heartbeat", { ...old, fencingToken: 2 })).resolves.toEqual({ ttlMs: 30_000 });
    await expect(call("service.deregister", { ...old, fencingToken: 2 })).resolves.toEqual({ deregistered: true });
    await expect(call("service.deregister", { ...old, fencingToken: 2 })).resolves.toEqual({ deregistered: false });
    await expect(call("service.get", { service: "once", id: "a" })).resolves.toBeNull();
    expect((await call("service.list", { prefix: "onc" })).services).toEqual([]);
    const third = await call("service.register", { service: "once", id: "a", address: "10.0.0.1" });
    expect(third.instance.fencingToken).toBe(3);
    expect((await call("service.list", { prefix: "onc" })).services).toEqual([{ service: "once", instances: 1 }]);
  });

  test("of one service that many register at once have a token each", async () => {
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        call("service.register", { service: "crowd", id: `i${n}`, address: "10.0.0.1" }),
      ),
    );
    const tokens = made.map(({ instance }) => instance.fencingToken).sort((a, b) => a - b);
    expect(tokens).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  });

  test("are changed by compare-and-swap", async () => {
    const { instance } = await web("cas", { metadata: { a: "1" } });
    const own = { service: "web", id: "cas", fencingToken: instance.fencingToken };
    const changed = await call("service.update", { ...own, expect: 1, weight: 5, health: "warning" });
    expect(changed.instance).toMatchObject({ revision: 2, weight: 5, status: "warning", metadata: { a: "1" } });
    await expect(call("service.update", { ...own, expect: 1, weight: 6 })).rejects.toMatchObject({
      code: "SERVICE_CONFLICT",
      details: { revision: 2 },
    });
    await expect(web("cas", { expect: "absent" })).rejects.toMatchObject({ code: "SERVICE_CONFLICT" });
    await expect(web("cas", { expect: 2 })).resolves.toMatchObject({ replaced: true });
  });

  test("are filtered before the limit, page by page", async () => {
    for (let n = 0; n < 12; n++) {
      await call("service.register", {
        ...{ service: "many", id: `i${String(n).padStart(2, "0")}`, address: "10.0.0.1" },
        ...{ tags: [n % 2 ? "odd" : "even", "all"], version: `1.${n}.0`, zone: n < 6 ? "a" : "b" },
        ...{ metadata: { mod3: String(n % 3) }, health: n === 11 ? "critical" : "passing" },
      });
    }
    const ids = async (filter: object) =>
      (await call("service.discover", { service: "many", ...filter })).instances.map(({ id }) => id);
    expect(await ids({ tags: ["odd", "all"], limit: 3 })).toEqual(["i01", "i03", "i05"]);
    expect(await ids({ healthy: true, tags: ["odd"] })).toEqual(["i01", "i03", "i05", "i07", "i09"]);
    expect(await ids({ anyTag: ["odd", "none"], zone: "b" })).toEqual(["i07", "i09", "i11"]);
    expect(await ids({ version: ">=1.10" })).toEqual(["i10", "i11"]);
    expect(await ids({ metadata: { mod3: "0" }, zone: "a" })).toEqual(["i00", "i03"]);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: ResultOf<"service.discover"> = await call("service.discover", {
        ...{ service: "many", tags: ["even"], limit: 2 },
        ...(cursor === null ? {} : { cursor }),
      });
      seen.push(...page.instances.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== null);
    expect(seen).toEqual(["i00", "i02", "i04", "i06", "i08", "i10"]);
  });

  test("that are renewed live on, the others expire, with an event each", async () => {
    const alive = (await web("alive", { ttlMs: 1500 })).instance;
    const dead = (await web("dead", { ttlMs: 1500 })).instance;
    const renewed = await call("service.renew", {
      instances: [
        { service: "web", id: "alive", fencingToken: alive.fencingToken },
        { service: "web", id: "dead", fencingToken: dead.fencingToken + 100 },
        { service: "web", id: "never", fencingToken: 1 },
      ],
    });
    expect(renewed).toEqual({
      renewed: 1,
      failed: [
        { service: "web", id: "dead", code: "SERVICE_FENCED" },
        { service: "web", id: "never", code: "SERVICE_NOT_FOUND" },
      ],
    });
    let beats = 0;
    await until(async () => {
      await call("service.heartbeat", { service: "web", id: "alive", fencingToken: alive.fencingToken });
      beats++;
      return (await call("service.get", { service: "web", id: "dead" })) === null;
    }, "the expiry");
    expect(beats).toBeGreaterThan(1);
    await expect(
      call("service.heartbeat", { service: "web", id: "dead", fencingToken: dead.fencingToken }),
    ).rejects.toMatchObject({ code: "SERVICE_NOT_FOUND" });
    await expect(call("service.get", { service: "web", id: "alive" })).resolves.toMatchObject({ id: "alive" });
    const log = new EventLog(store.kv);
    const told = async () =>
      (await log.read("__service:", {}))
        .filter(({ subject }) => subject === "web/dead")
        .map(({ topic, data }) => [topic, JSON.parse(decodeUtf8(data!)).fencingToken]);
    await until(async () => (await told()).length === 2, "the event");
    expect(await told()).toEqual([
      ["service.registered", dead.fencingToken],
      ["service.expired", dead.fencingToken],
    ]);
  });

  test("have checks, of which one that is silent is critical", async () => {
    const { instance } = await web("checked", {
      ttlMs: null,
      checks: [
        { id: "ping", kind: "ttl", ttlMs: 1000, health: "passing" },
        { id: "said", kind: "none", health: "passing" },
      ],
    });
    expect(instance).toMatchObject({ status: "passing", ttlMs: null });
    const own = { service: "web", id: "checked", fencingToken: instance.fencingToken };
    const status = async () => (await call("service.get", { service: "web", id: "checked" }))?.status;
    await until(async () => (await status()) === "critical", "the silence");
    const passed = await call("service.update", { ...own, check: { id: "ping", health: "passing", output: "fine" } });
    expect(passed.instance).toMatchObject({ status: "passing", revision: 1 });
    expect(passed.instance.checks).toEqual([
      { id: "ping", kind: "ttl", ttlMs: 1000, health: "passing", output: "fine" },
      { id: "said", kind: "none", health: "passing", output: "" },
    ]);
    await call("service.update", { ...own, check: { id: "said", health: "warning" } });
    expect(["warning", "critical"]).toContain(await status());
    await expect(call("service.update", { ...own, check: { id: "no", health: "passing" } })).rejects.toMatchObject({
      code: "SERVICE_NOT_FOUND",
    });
  });
});

describe("what is refused", () => {
  const base = { service: "bad", id: "a", address: "10.0.0.1" };
  test.each<[string, string, object]>([
    ["service.register", "service", { ...base, service: "" }],
    ["service.register", "service", { ...base, service: "a/b" }],
    ["service.register", "service", { ...base, service: "-a" }],
    ["service.register", "service", { ...base, service: "x".repeat(129) }],
    ["service.register", "id", { ...base, id: "a b" }],
    ["service.register", "address", { ...base, address: "ten zero" }],
    ["service.register", "address", { service: "bad" }],
    ["service.register", "port", { ...base, port: 0 }],
    ["service.register", "port", { ...base, port: 65_536 }],
    ["service.register", "port", { ...base, port: "80" }],
    ["service.register", "ttlMs", { ...base, ttlMs: 999 }],
    ["service.register", "ttlMs", { ...base, ttlMs: 86_400_001 }],
    ["service.register", "weight", { ...base, weight: -1 }],
    ["service.register", "version", { ...base, version: "one" }],
    ["service.register", "tags[0]", { ...base, tags: ["a\nb"] }],
    ["service.register", "tags", { ...base, tags: Array.from({ length: 65 }, (_, n) => `t${n}`) }],
    ["service.register", "metadata", { ...base, metadata: [] }],
    ["service.register", "a value of metadata", { ...base, metadata: { a: "x".repeat(513) } }],
    [
      "service.register",
      "metadata",
      { ...base, metadata: Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`k${n}`, "x".repeat(500)])) },
    ],
    ["service.register", "checks[0].kind", { ...base, checks: [{ id: "a", kind: "ping" }] }],
    ["service.register", "checks[0].ttlMs", { ...base, checks: [{ id: "a", kind: "ttl" }] }],
    ["service.register", "checks[0].target", { ...base, checks: [{ id: "a", kind: "http", target: "file:///" }] }],
    ["service.register", "checks", { ...base, checks: [1, 2].map(() => ({ id: "a", kind: "none" })) }],
    ["service.register", "expect", { ...base, expect: "present" }],
    ["service.register", "colour", { ...base, colour: "red" }],
    ["service.heartbeat", "fencingToken", { service: "bad", id: "a" }],
    ["service.update", "the params", { service: "bad", id: "a", fencingToken: 1 }],
    ["service.renew", "instances", { instances: [] }],
    ["service.discover", "version", { service: "bad", version: "newest" }],
    ["service.discover", "limit", { service: "bad", limit: 1001 }],
    ["service.list", "cursor", { cursor: "a/b" }],
  ])("%s: %s", async (method, field, params) => {
    await expect(registry.client.call(method as string, params)).rejects.toMatchObject({
      code: "INVALID_PARAMS",
      details: { field },
      message: expect.stringContaining(field),
    });
  });

  test("what is not there", async () => {
    const missing = { service: "bad", id: "missing", fencingToken: 1 };
    await expect(call("service.update", { ...missing, weight: 1 })).rejects.toMatchObject({
      code: "SERVICE_NOT_FOUND",
    });
    await expect(call("service.heartbeat", missing)).rejects.toMatchObject({ code: "SERVICE_NOT_FOUND" });
  });
});
