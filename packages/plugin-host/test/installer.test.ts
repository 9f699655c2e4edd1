import { setTimeout as delay } from "node:timers/promises";
import { AspenError, encodeUtf8, LIMITS } from "@aspen/plugin-api";
import { blobHash, MIN_GRACE_MS } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import type { InstallInput } from "../src/index.js";
import { Host, scripted } from "./support.js";

describe("install", () => {
  test("starts it, stores it, and it answers", async () => {
    await using host = await Host.start();
    const installed = await host.installer.install(scripted("a", { answer: 1 }));
    expect(installed).toMatchObject({ name: "a", version: "1.0.0", state: "ready", enabled: true, shadowed: [] });
    await expect(host.client.call("a.x")).resolves.toBe(1);
    expect((await host.plugins.get("a"))?.manifest.name).toBe("a");
  });

  test("says which of its methods an earlier handler answers", async () => {
    await using host = await Host.start();
    await host.installer.install(scripted("first", { answer: "first" }, { handles: ["say.hi"], priority: 900 }));
    const second = scripted("second", { answer: "second" }, { handles: ["say.hi", "say.bye"] });
    expect((await host.installer.install(second)).shadowed).toEqual([expect.objectContaining({ method: "say.hi" })]);
    await expect(host.client.call("say.hi")).resolves.toBe("first");
    await expect(host.client.call("say.bye")).resolves.toBe("second");
    const third = scripted("third", { answer: "third" }, { handles: ["say.bye"], priority: 901 });
    const installed = await host.installer.install(third);
    expect(installed).toMatchObject({ shadowed: [], takenOver: [{ method: "say.bye", from: "second" }] });
  });

  const good = scripted("new", { answer: "new" });
  const manifest = (change: object): InstallInput => ({ ...good, manifest: { ...good.manifest, ...change } });
  const refused: [what: string, input: InstallInput, error: object][] = [
    ["no object", { ...good, manifest: "text" }, { code: "MANIFEST_INVALID" }],
    [
      "a field of the wrong type",
      manifest({ execution_timeout_ms: "soon" }),
      {
        code: "MANIFEST_INVALID",
        details: { problems: [{ field: "execution_timeout_ms", rule: expect.any(String) }] },
      },
    ],
    [
      "a priority out of range",
      manifest({ priority: 899 }),
      { code: "MANIFEST_INVALID", details: { problems: [{ field: "priority", rule: expect.stringMatching(/900/) }] } },
    ],
    [
      "an api_version that is not served",
      manifest({ api_version: "7" }),
      { code: "API_VERSION_UNSUPPORTED", message: expect.stringMatching(/7.*1/) },
    ],
    ["a name already taken", { ...good, manifest: { ...good.manifest, name: "old" } }, { code: "PLUGIN_NAME_TAKEN" }],
    [
      "a reserved prefix",
      manifest({ kv_prefixes: ["__sys:x:"] }),
      { code: "PLUGIN_PREFIX_CONFLICT", message: expect.stringContaining("__sys:") },
    ],
    [
      "a prefix inside another plugin's",
      manifest({ kv_prefixes: ["orders:eu:"] }),
      {
        code: "PLUGIN_PREFIX_CONFLICT",
        message: expect.stringMatching(/"orders:eu:".*"orders:".*old/),
      },
    ],
    ["a prefix around another plugin's", manifest({ kv_prefixes: ["__plugin:"] }), { code: "PLUGIN_PREFIX_CONFLICT" }],
    ["another plugin's own prefix", manifest({ kv_prefixes: ["__plugin:old:"] }), { code: "PLUGIN_PREFIX_CONFLICT" }],
    [
      "a hash that does not match",
      manifest({ wasm_hash: "0".repeat(64) }),
      { code: "WASM_HASH_MISMATCH", message: expect.stringContaining("0".repeat(64)) },
    ],
    [
      "code over the size limit",
      {
        ...manifest({ wasm_hash: undefined }),
        artifacts: [{ name: "plugin.wasm", content: new Uint8Array(LIMITS.artifactBytes + 1) }],
      },
      { code: "PAYLOAD_TOO_LARGE" },
    ],
    [
      "a dependency that is missing",
      manifest({ dependencies: [{ name: "absent" }] }),
      { code: "PLUGIN_DEPENDENCY", message: expect.stringContaining("absent") },
    ],
    [
      "a dependency of the wrong version",
      manifest({ dependencies: [{ name: "old", version: "^2.0.0" }] }),
      { code: "PLUGIN_DEPENDENCY", message: expect.stringContaining("^2.0.0") },
    ],
    ["a start that fails", scripted("new", { startError: "boom" }), { code: "PLUGIN_TRAP", message: "boom" }],
    [
      "a plugin that says it is unhealthy",
      scripted("new", { unhealthy: "no disk" }),
      { code: "PLUGIN_UNAVAILABLE", message: expect.stringContaining("no disk") },
    ],
  ];
  test.each(refused)("refuses %s, and leaves nothing behind", async (_what, input, error) => {
    await using host = await Host.start();
    await host.installer.install(scripted("old", { answer: "old" }, { kv_prefixes: ["orders:"] }));
    const before = await host.plugins.snapshot();
    await expect(host.installer.install(input)).rejects.toMatchObject(error);
    expect(await host.plugins.snapshot()).toEqual(before);
    expect(host.supervisor.list().map(({ name }) => name)).toEqual(["old"]);
    expect(host.runtime.running.size).toBe(1);
    await expect(host.client.call("old.x")).resolves.toBe("old");
    await expect(host.client.call("new.x")).rejects.toMatchObject({ code: "METHOD_NOT_FOUND" });
  });

  test.each([
    ["of one name", scripted("a", { startMs: 20 }), scripted("a", { startMs: 20 }), "PLUGIN_NAME_TAKEN"],
    [
      "with one prefix",
      scripted("a", { startMs: 20 }, { kv_prefixes: ["p:"] }),
      scripted("b", { startMs: 20 }, { kv_prefixes: ["p:q:"] }),
      "PLUGIN_PREFIX_CONFLICT",
    ],
  ])("of two plugins %s, installed on two nodes at once, one is", async (_what, first, second, code) => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    await using two = await Host.start(store);
    const results = await Promise.allSettled([one.installer.install(first), two.installer.install(second)]);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code } });
    expect((await one.plugins.snapshot()).records.size).toBe(1);
  });

  test("no more than the limit", async () => {
    await using host = await Host.start();
    for (let i = 0; i < LIMITS.pluginsPerNode; i++) await host.installer.install(scripted(`p${i}`, {}));
    await expect(host.installer.install(scripted("more", {}))).rejects.toMatchObject({ code: "PLUGIN_UNAVAILABLE" });
  });
});

describe("update", () => {
  test("replaces code and manifest, keeps the configuration unless one is given", async () => {
    await using host = await Host.start();
    await host.installer.install({ ...scripted("a", { answer: 1 }), config: { color: "red" } });
    const updated = await host.installer.update(scripted("a", { answer: 2 }, { version: "1.1.0", handles: ["b.*"] }));
    expect(updated).toMatchObject({ version: "1.1.0", handles: ["b.*"] });
    expect((await host.plugins.get("a"))?.config).toEqual({ color: "red" });
    await expect(host.client.call("b.x")).resolves.toBe(2);
    await expect(host.client.call("a.x")).rejects.toMatchObject({ code: "METHOD_NOT_FOUND" });
    await host.installer.update({ ...scripted("a", {}), config: {} });
    expect((await host.plugins.get("a"))?.config).toEqual({});
  });

  test("one that fails leaves the old one serving", async () => {
    await using host = await Host.start();
    await host.installer.install(scripted("a", { answer: 1 }));
    const before = await host.plugins.snapshot();
    await expect(host.installer.update(scripted("a", { startError: "boom" }))).rejects.toMatchObject({
      code: "PLUGIN_TRAP",
    });
    expect(await host.plugins.snapshot()).toEqual(before);
    await expect(host.client.call("a.x")).resolves.toBe(1);
    expect(host.supervisor.get("a").status().state).toBe("ready");
  });

  test("refuses what a dependent plugin cannot live with", async () => {
    await using host = await Host.start();
    await host.installer.install(scripted("base", {}));
    await host.installer.install(scripted("user", {}, { dependencies: [{ name: "base", version: "^1.0.0" }] }));
    await expect(host.installer.update(scripted("base", {}, { version: "2.0.0" }))).rejects.toMatchObject({
      code: "PLUGIN_DEPENDENCY",
    });
    await expect(host.installer.update(scripted("none", {}))).rejects.toMatchObject({ code: "PLUGIN_NOT_FOUND" });
  });

  test("two at once: one is told to look again, and the stored one serves", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    await using two = await Host.start(store);
    await one.installer.install(scripted("a", { answer: 0 }));
    await two.supervisor.reconcile();
    const results = await Promise.allSettled([
      one.installer.update(scripted("a", { answer: 1, startMs: 20 })),
      two.installer.update(scripted("a", { answer: 2, startMs: 20 })),
    ]);
    const winner = results.findIndex(({ status }) => status === "fulfilled") + 1;
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "KV_CONFLICT" } });
    await Promise.all([one.supervisor.reconcile(), two.supervisor.reconcile()]);
    for (const host of [one, two]) await expect(host.client.call("a.x")).resolves.toBe(winner);
  });
});

describe("enable, disable, remove", () => {
  test("a disabled plugin says so, and serves again when enabled", async () => {
    await using host = await Host.start();
    await host.installer.install(scripted("a", { answer: 1 }));
    expect(await host.installer.disable("a")).toMatchObject({ state: "stopped", enabled: false });
    expect(host.runtime.running.size).toBe(0);
    await expect(host.client.call("a.x")).rejects.toMatchObject({
      code: "PLUGIN_UNAVAILABLE",
      message: expect.stringContaining("disabled"),
    });
    await expect(host.installer.reload("a")).rejects.toMatchObject({ code: "PLUGIN_UNAVAILABLE" });
    expect(await host.installer.enable("a")).toMatchObject({ state: "ready", enabled: true });
    await expect(host.client.call("a.x")).resolves.toBe(1);
    expect(await host.installer.enable("a")).toMatchObject({ state: "ready" });
    expect(host.runtime.started).toHaveLength(2);
  });

  test("a removed plugin's methods are unknown and its data stays", async () => {
    await using host = await Host.start();
    await host.installer.install(scripted("a", {}));
    await host.store.kv.put("__plugin:a:n", encodeUtf8("1"));
    await host.installer.remove("a");
    await expect(host.client.call("a.x")).rejects.toMatchObject({ code: "METHOD_NOT_FOUND" });
    expect(host.supervisor.list()).toEqual([]);
    expect(host.runtime.running.size).toBe(0);
    expect(await host.store.kv.get("__plugin:a:n")).not.toBeNull();
    for (const change of ["remove", "enable", "disable", "reload"] as const) {
      await expect(host.installer[change]("a")).rejects.toMatchObject({ code: "PLUGIN_NOT_FOUND" });
    }
  });

  test("what others need stays", async () => {
    await using host = await Host.start();
    await host.installer.install(scripted("base", {}));
    await host.installer.install(scripted("user", {}, { dependencies: [{ name: "base" }] }));
    for (const change of ["remove", "disable"] as const) {
      await expect(host.installer[change]("base")).rejects.toMatchObject({
        code: "PLUGIN_DEPENDENCY",
        message: expect.stringContaining("user"),
      });
    }
    await host.installer.disable("user");
    await host.installer.remove("base");
    await expect(host.installer.enable("user")).rejects.toMatchObject({ code: "PLUGIN_DEPENDENCY" });
  });

  test("a record that cannot be read is named, keeps its name, and can be removed", async () => {
    await using host = await Host.start();
    await host.installer.install(scripted("a", { answer: 1 }));
    await host.store.kv.put("__sys:plugin:broken", encodeUtf8("{"));
    await host.supervisor.reconcile();
    expect([...host.supervisor.corrupt.keys()]).toEqual(["broken"]);
    expect(host.logs).toContainEqual(
      expect.objectContaining({ level: "error", fields: expect.objectContaining({ plugin: "broken" }) }),
    );
    await expect(host.installer.install(scripted("broken", {}))).rejects.toMatchObject({
      code: "PLUGIN_NAME_TAKEN",
      message: expect.stringContaining("remove it first"),
    });
    const claiming = scripted("claims", {}, { kv_prefixes: ["orders:"] });
    await expect(host.installer.install(claiming)).rejects.toMatchObject({ code: "PLUGIN_PREFIX_CONFLICT" });
    expect(() => host.supervisor.get("broken")).toThrow(expect.objectContaining({ code: "INTERNAL" }));
    await expect(host.client.call("a.x")).resolves.toBe(1);
    await host.installer.remove("broken");
    await host.installer.install(scripted("broken", { answer: "mended" }));
    await expect(host.client.call("broken.x")).resolves.toBe("mended");
  });
});

describe("the code in the blob store", () => {
  const tagsOf = async (host: Host, { artifacts }: InstallInput) =>
    host.store.blobs.references(blobHash(artifacts[0]!.content)).catch((error: { code: string }) => error.code);
  const first = scripted("a", { answer: 1 });
  const second = scripted("a", { answer: 2 });

  test("is referenced by the plugin that is installed, and by none that was", async () => {
    await using host = await Host.start();
    await host.installer.install(first);
    const tag = (await host.plugins.get("a"))!.artifacts[0]!.tag;
    expect(tag).toMatch(/^plugin:a:code:/);
    expect(await tagsOf(host, first)).toEqual([tag]);
    for (const change of ["reload", "disable", "enable"] as const) {
      await host.installer[change]("a");
      expect(await tagsOf(host, first)).toEqual([tag]);
    }
    await host.installer.update(second);
    expect(await tagsOf(host, first)).toEqual([]);
    expect(await tagsOf(host, second)).toEqual([(await host.plugins.get("a"))!.artifacts[0]!.tag]);
    // The same code again.
    await host.installer.update(second);
    expect(await tagsOf(host, second)).toEqual([(await host.plugins.get("a"))!.artifacts[0]!.tag]);
    await host.installer.remove("a");
    expect(await tagsOf(host, second)).toEqual([]);
  });

  test("outlives garbage collection while it is installed, and no longer", async () => {
    await using host = await Host.start();
    await host.installer.install(first);
    await host.installer.update(second);
    await delay(MIN_GRACE_MS + 50);
    expect(await host.store.blobs.collectGarbage({ graceMs: MIN_GRACE_MS })).toMatchObject({ blobs: 1 });
    expect(await tagsOf(host, first)).toBe("BLOB_NOT_FOUND");
    await host.installer.reload("a");
    await expect(host.client.call("a.x")).resolves.toBe(2);
  });

  test("is not referenced after a change that failed", async () => {
    const store = new MemoryStore();
    await using one = await Host.start(store);
    await using two = await Host.start(store);
    const slow = scripted("a", { startMs: 20 });
    // Both have the same code; the one that lost must not take it from the other.
    await Promise.allSettled([one.installer.install(slow), two.installer.install(slow)]);
    expect(await tagsOf(one, slow)).toEqual([(await one.plugins.get("a"))!.artifacts[0]!.tag]);
    const bad = scripted("b", { startError: "boom" });
    await expect(one.installer.install(bad)).rejects.toMatchObject({ code: "PLUGIN_TRAP" });
    expect(await tagsOf(one, bad)).toBe("BLOB_NOT_FOUND");
  });

  test("stays when the record may be stored although the store did not say so", async () => {
    const store = new MemoryStore();
    await using host = await Host.start(store);
    const transact = store.kv.transact.bind(store.kv);
    store.kv.transact = async (transaction) => {
      await transact(transaction);
      throw new AspenError("OUTCOME_UNKNOWN", "the connection was lost");
    };
    await expect(host.installer.install(first)).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    store.kv.transact = transact;
    expect(await tagsOf(host, first)).toEqual([(await host.plugins.get("a"))!.artifacts[0]!.tag]);
    await host.supervisor.reconcile();
    await expect(host.client.call("a.x")).resolves.toBe(1);
  });
});
