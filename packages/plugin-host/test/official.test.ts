import { type AspenError, NODE_PREFIXES, parseManifest } from "@aspen/plugin-api";
import { blobHash } from "@aspen/storage";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import { type ArtifactFile, OfficialPlugins, officialPlugin, PluginStarter } from "../src/index.js";
import { eventually, Host, scripted } from "./support.js";

/** The official plugin `forge` as a package of some version ships it. */
function forge(version = "1.0.0", answer: unknown = version, change: object = {}, files?: readonly ArtifactFile[]) {
  const { manifest, artifacts } = scripted(
    "forge",
    { answer },
    { version, priority: 500, kv_prefixes: ["forge:"], permissions: ["kv:read", "kv:write"] },
  );
  let reads = 0;
  const official = officialPlugin({
    feature: "forge",
    manifest: { ...manifest, ...change },
    reservedPrefixes: ["forge:"],
    async files() {
      reads += 1;
      return files ?? artifacts;
    },
  });
  return { official, files: artifacts, reads: () => reads };
}

/** A node with this official plugin among its features. */
const nodeWith = ({ official }: ReturnType<typeof forge>, store = new MemoryStore()) =>
  Host.start(store, {}, [official]);

describe("an official plugin", () => {
  test("has its reserved prefix and a priority before all other plugins", async () => {
    const one = forge();
    await using host = await nodeWith(one);
    await host.installer.install(scripted("rival", { answer: "rival" }, { handles: ["forge.*"], priority: 900 }));
    await expect(host.installer.installOfficial(one.official)).resolves.toBe("installed");
    await expect(host.client.call("forge.x")).resolves.toBe("1.0.0");
    expect(host.supervisor.get("forge").status()).toMatchObject({
      state: "ready",
      official: "forge",
      priority: 500,
      kvPrefixes: ["forge:"],
    });
    expect(host.supervisor.takenOverBy("forge")).toEqual([{ method: "forge.*", from: "rival" }]);
  });

  test("is installed once, and a later start of the node changes nothing", async () => {
    const one = forge();
    const store = new MemoryStore();
    {
      await using host = await nodeWith(one, store);
      await host.installer.installOfficial(one.official);
    }
    await using host = await nodeWith(one, store);
    const before = await host.plugins.get("forge");
    await expect(host.installer.installOfficial(one.official)).resolves.toBe("unchanged");
    expect(await host.plugins.get("forge")).toEqual(before);
    expect(one.reads()).toBe(1);
    await expect(host.client.call("forge.x")).resolves.toBe("1.0.0");
  });

  test("is replaced by a later version, and never by an earlier one", async () => {
    const store = new MemoryStore();
    const [one, two] = [forge("1.0.0"), forge("1.1.0")];
    await using first = await nodeWith(one, store);
    await first.installer.installOfficial(one.official);
    {
      await using second = await nodeWith(two, store);
      await expect(second.installer.installOfficial(two.official)).resolves.toBe("updated");
      await expect(second.client.call("forge.x")).resolves.toBe("1.1.0");
      // What it was about to replace was no trouble.
      expect(second.logs.filter(({ level }) => level === "error")).toEqual([]);
    }
    // A node that has not been updated goes on with what it has, and says why.
    await eventually(() => first.supervisor.get("forge").status().error !== undefined);
    expect(first.supervisor.get("forge").status().error).toMatchObject({
      code: "PLUGIN_OFFICIAL",
      message: expect.stringMatching(/1\.1\.0.*1\.0\.0/),
    });
    await expect(first.client.call("forge.x")).resolves.toBe("1.0.0");
    await expect(first.installer.installOfficial(one.official)).resolves.toBe("newer");
    expect(first.logs).toContainEqual({
      level: "warn",
      fields: { plugin: "forge", version: "1.0.0", feature: "forge", installed: "1.1.0" },
      message: expect.stringContaining("later version"),
    });
    expect((await first.plugins.get("forge"))?.manifest.version).toBe("1.1.0");
    // After a restart it has nothing that it may run.
    await using restarted = await nodeWith(one, store);
    await expect(restarted.client.call("forge.x")).rejects.toMatchObject({ code: "PLUGIN_UNAVAILABLE" });
  });

  test("is not replaced by other code of the same version", async () => {
    const store = new MemoryStore();
    const [one, other] = [forge("1.0.0", "one"), forge("1.0.0", "other")];
    await using first = await nodeWith(one, store);
    await first.installer.installOfficial(one.official);
    await using second = await nodeWith(other, store);
    await expect(second.installer.installOfficial(other.official)).rejects.toMatchObject({
      code: "PLUGIN_OFFICIAL",
      message: expect.stringContaining("same version"),
    });
    await expect(first.client.call("forge.x")).resolves.toBe("one");
  });

  test("that nodes install at the same time is installed once, and runs on each", async () => {
    const store = new MemoryStore();
    const one = forge();
    await using first = await nodeWith(one, store);
    await using second = await nodeWith(one, store);
    await using third = await nodeWith(one, store);
    const hosts = [first, second, third];
    const outcomes = await Promise.all(hosts.map(({ installer }) => installer.installOfficial(one.official)));
    expect(outcomes.toSorted()).toEqual(["installed", "unchanged", "unchanged"]);
    for (const { client } of hosts) await expect(client.call("forge.x")).resolves.toBe("1.0.0");
    expect(await store.blobs.references(blobHash(one.files[0]!.content))).toHaveLength(1);
    const later = forge("2.0.0");
    await using fourth = await nodeWith(later, store);
    await using fifth = await nodeWith(later, store);
    const updates = [fourth, fifth].map(({ installer }) => installer.installOfficial(later.official));
    expect((await Promise.all(updates)).toSorted()).toEqual(["unchanged", "updated"]);
    for (const { client } of [fourth, fifth]) await expect(client.call("forge.x")).resolves.toBe("2.0.0");
  });

  test("stays disabled when an operator disabled it, through starts and later versions", async () => {
    const store = new MemoryStore();
    const [one, two] = [forge("1.0.0"), forge("1.1.0")];
    await using first = await nodeWith(one, store);
    await first.installer.installOfficial(one.official);
    await first.installer.disable("forge");
    await expect(first.installer.installOfficial(one.official)).resolves.toBe("unchanged");
    await using second = await nodeWith(two, store);
    await expect(second.installer.installOfficial(two.official)).resolves.toBe("updated");
    expect(second.supervisor.get("forge").status()).toMatchObject({ enabled: false, version: "1.1.0" });
    expect(second.runtime.started).toEqual([]);
    expect(await second.installer.enable("forge")).toMatchObject({ state: "ready", version: "1.1.0" });
  });

  test("cannot be removed while a feature of the node brings it", async () => {
    const store = new MemoryStore();
    const one = forge();
    await using host = await nodeWith(one, store);
    await host.installer.installOfficial(one.official);
    await expect(host.installer.remove("forge")).rejects.toMatchObject({ code: "PLUGIN_OFFICIAL" });
    await using without = await Host.start(store);
    await without.installer.remove("forge");
    expect(await store.blobs.references(blobHash(one.files[0]!.content))).toEqual([]);
  });

  test("is not installed by a node in safe mode", async () => {
    const one = forge();
    await using host = await Host.start(new MemoryStore(), { safeMode: true }, [one.official]);
    await expect(host.installer.installOfficial(one.official)).resolves.toBe("safe-mode");
    expect(await host.plugins.get("forge")).toBeNull();
  });
});

describe("what an official plugin may", () => {
  test("a name alone does not give: neither an install nor an update of it is taken", async () => {
    const one = forge();
    await using host = await nodeWith(one);
    const impostor = scripted("forge", { answer: "impostor" });
    await expect(host.installer.install(impostor)).rejects.toMatchObject({ code: "PLUGIN_OFFICIAL" });
    await host.installer.installOfficial(one.official);
    await expect(host.installer.update(impostor)).rejects.toMatchObject({ code: "PLUGIN_OFFICIAL" });
    await expect(host.installer.update({ ...impostor, artifacts: one.files })).rejects.toMatchObject({
      code: "PLUGIN_OFFICIAL",
    });
    await expect(host.client.call("forge.x")).resolves.toBe("1.0.0");
  });

  test.each<[string, { kv_prefixes?: string[]; priority?: number }, string]>([
    ["a reserved prefix", { kv_prefixes: ["forge:"] }, "PLUGIN_PREFIX_CONFLICT"],
    ["a priority of features", { priority: 500 }, "MANIFEST_INVALID"],
  ])("%s is refused to a plugin that is installed on request, whatever its name", async (_what, change, code) => {
    await using host = await Host.start();
    await expect(host.installer.install(scripted("forge", {}, change))).rejects.toMatchObject({ code });
    await expect(host.installer.install({ ...scripted("forge", {}), overrides: change })).rejects.toMatchObject({
      code: change.priority ? "INVALID_PARAMS" : code,
    });
    expect(await host.plugins.get("forge")).toBeNull();
  });

  test("other code under the name is refused to the feature, too", async () => {
    const one = forge("1.0.0", "one", {}, scripted("forge", { answer: "other" }).artifacts);
    await using host = await nodeWith(one);
    await expect(host.installer.installOfficial(one.official)).rejects.toMatchObject({
      code: "ARTIFACT_HASH_MISMATCH",
    });
    // One that no feature of this node brings.
    const two = forge("2.0.0");
    await expect(host.installer.installOfficial(two.official)).rejects.toMatchObject({
      code: "PLUGIN_OFFICIAL",
    });
    expect(await host.plugins.get("forge")).toBeNull();
  });

  test("a plugin of somebody else that has the name is left alone, and the feature says so", async () => {
    const store = new MemoryStore();
    await using plain = await Host.start(store);
    await plain.installer.install(scripted("forge", { answer: "mine" }));
    const one = forge();
    await using host = await nodeWith(one, store);
    await expect(host.installer.installOfficial(one.official)).rejects.toMatchObject({
      code: "PLUGIN_NAME_TAKEN",
      message: expect.stringContaining("aspen plugin remove forge"),
    });
    await host.installer.remove("forge");
    await expect(host.installer.installOfficial(one.official)).resolves.toBe("installed");
  });

  test("a node without the feature holds back, and says which feature to turn on", async () => {
    const store = new MemoryStore();
    const one = forge();
    await using host = await nodeWith(one, store);
    await host.installer.installOfficial(one.official);
    await using without = await Host.start(store);
    expect(without.runtime.started).toEqual([]);
    expect(without.supervisor.get("forge").status()).toMatchObject({
      state: "failed",
      error: { code: "PLUGIN_OFFICIAL", message: expect.stringMatching(/feature forge.*turn it on/) },
    });
    await expect(without.client.call("forge.x")).rejects.toMatchObject({ code: "PLUGIN_UNAVAILABLE" });
    await expect(without.installer.enable("forge")).rejects.toMatchObject({ code: "PLUGIN_OFFICIAL" });
    await expect(without.installer.reload("forge")).rejects.toMatchObject({ code: "PLUGIN_OFFICIAL" });
    await expect(host.client.call("forge.x")).resolves.toBe("1.0.0");
  });

  test.each<[string, Record<string, object | string>]>([
    ["a priority", { manifest: { priority: 500 } }],
    ["a reserved prefix", { manifest: { kv_prefixes: ["forge:"] } }],
    ["a reserved prefix by override", { overrides: { kv_prefixes: ["__hooks:"] } }],
    ["the mark of an official plugin", { official: "forge", manifest: { priority: 500, kv_prefixes: ["forge:"] } }],
  ])("a record that claims %s does not give", async (_what, { manifest = {}, ...claims }) => {
    const store = new MemoryStore();
    await using host = await Host.start(store);
    await host.installer.install(scripted("forge", { answer: "forged" }));
    const record = (await host.plugins.get("forge"))!;
    await host.plugins.change(() => ({
      put: {
        ...record,
        ...claims,
        manifest: { ...record.manifest, ...(manifest as object) },
        revision: crypto.randomUUID(),
      },
    }));
    for (const features of [[], [forge().official]]) {
      await using other = await Host.start(store, {}, features);
      expect(other.runtime.started).toEqual([]);
      expect(other.supervisor.get("forge").status()).toMatchObject({
        state: "failed",
        error: { code: "PLUGIN_OFFICIAL" },
      });
    }
  });

  test.each<[string, () => unknown, RegExp]>([
    ["a priority between the ranges", () => forge("1.0.0", 1, { priority: 800 }), /priority 800/],
    ["a reserved prefix of another", () => forge("1.0.0", 1, { kv_prefixes: ["__hooks:"] }), /reserved/],
    ["no hash", () => forge("1.0.0", 1, { wasm_hash: undefined }), /hash/],
    ...NODE_PREFIXES.map((prefix): [string, () => unknown, RegExp] => [
      `the prefix ${prefix} of the node`,
      () => {
        const { manifest, artifacts } = scripted("x", {});
        return officialPlugin({
          ...{ feature: "f", manifest, reservedPrefixes: [prefix] },
          files: async () => artifacts,
        });
      },
      new RegExp(prefix),
    ]),
    ["one name twice", () => new OfficialPlugins([forge().official, forge("2.0.0").official]), /both/],
  ])("is defined badly with %s", (_what, define, message) => {
    expect(define).toThrow(message);
  });
});

describe("tiers", () => {
  const entries: [string, object][] = [
    ["ipc", { kind: "ipc", command: "bin/a" }],
    ["native", { kind: "native", module: "a.js" }],
  ];

  test.each(entries)(
    "a stored plugin of the %s tier is held on a node without it, until it has it",
    async (tier, entry) => {
      const store = new MemoryStore();
      await using host = await Host.start(store);
      await host.installer.install(scripted("a", { answer: 1 }));
      const record = (await host.plugins.get("a"))!;
      const manifest = parseManifest({ ...record.manifest, entry, wasm_hash: undefined });
      await host.plugins.change(() => ({ put: { ...record, manifest, revision: crypto.randomUUID() } }));
      await using other = await Host.start(store);
      expect(other.supervisor.get("a").status()).toMatchObject({
        state: "failed",
        tier,
        error: { code: "PLUGIN_TIER_UNAVAILABLE", message: expect.stringContaining(`plugins-${tier}`) },
      });
      expect(other.runtime.begun).toEqual([]);
    },
  );

  test("two runtimes of one tier are refused", () => {
    const { kv, blobs } = new MemoryStore();
    const { runtime } = new Host();
    const nothing = () => undefined;
    const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
    let error: AspenError | undefined;
    try {
      new PluginStarter({ runtimes: [runtime, runtime], kv, blobs, logger });
    } catch (thrown) {
      error = thrown as AspenError;
    }
    expect(error).toMatchObject({ code: "CONFIG_INVALID", details: { tier: "wasm" } });
  });
});
