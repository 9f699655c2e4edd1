import { LIMITS } from "@aspen/plugin-api";
import { MemoryStore } from "@aspen/storage/memory";
import { describe, expect, test } from "@jest/globals";
import type { PluginArtifact } from "../src/index.js";
import { Host, scripted } from "./support.js";

const OVERRIDES = {
  kv_prefixes: ["orders:"],
  priority: 901,
  memory_limit: LIMITS.memoryMin,
  execution_timeout_ms: 77,
  max_instances: 3,
};

/** A node that keeps what its runtime was given. */
async function recording(store = new MemoryStore()) {
  const host = await Host.start(store);
  const given: { manifest: PluginArtifact["manifest"]; prefixes: readonly string[] }[] = [];
  const start = host.runtime.start.bind(host.runtime);
  host.runtime.start = (artifact, context, signal) => {
    const { allowedKvPrefixes } = context as { allowedKvPrefixes: readonly string[] };
    given.push({ manifest: artifact.manifest, prefixes: allowedKvPrefixes });
    return start(artifact, context, signal);
  };
  return { host, given };
}

describe("overrides", () => {
  test("hold in place of the manifest, for the runtime and for host calls", async () => {
    const { host, given } = await recording();
    await using _ = host;
    const installed = await host.installer.install({ ...scripted("a", {}), overrides: OVERRIDES });
    expect(installed).toMatchObject({
      kvPrefixes: ["orders:"],
      priority: 901,
      memoryLimit: LIMITS.memoryMin,
      executionTimeoutMs: 77,
      maxInstances: 3,
      overrides: OVERRIDES,
    });
    expect(given).toEqual([{ manifest: expect.objectContaining(OVERRIDES), prefixes: ["orders:"] }]);
    const record = await host.plugins.get("a");
    expect(record).toMatchObject({ overrides: OVERRIDES, manifest: { priority: LIMITS.pluginPriorityDefault } });
  });

  test("decide which handler comes first", async () => {
    await using host = await Host.start();
    await host.installer.install(scripted("first", { answer: "first" }, { handles: ["say.hi"] }));
    const second = scripted("second", { answer: "second" }, { handles: ["say.hi"] });
    await host.installer.install({ ...second, overrides: { priority: 900 } });
    await expect(host.client.call("say.hi")).resolves.toBe("second");
  });

  test("stay through updates, reloads and other nodes, until they are replaced or lifted", async () => {
    const store = new MemoryStore();
    const { host, given } = await recording(store);
    await using _ = host;
    await host.installer.install({ ...scripted("a", {}), overrides: OVERRIDES });
    const next = scripted("a", { answer: 2 }, { version: "1.1.0", priority: 950, memory_limit: LIMITS.memoryMax });
    expect(await host.installer.update(next)).toMatchObject({ version: "1.1.0", overrides: OVERRIDES, priority: 901 });
    await host.installer.reload("a");
    await host.installer.disable("a");
    await host.installer.enable("a");
    for (const { manifest } of given) expect(manifest).toMatchObject(OVERRIDES);
    expect(given).toHaveLength(4);
    await using other = await Host.start(store);
    expect(other.supervisor.get("a").status()).toMatchObject({ priority: 901, kvPrefixes: ["orders:"] });
    expect(await host.installer.update({ ...next, overrides: { priority: 902 } })).toMatchObject({
      overrides: { priority: 902 },
      kvPrefixes: ["__plugin:a:"],
      memoryLimit: LIMITS.memoryMax,
    });
    expect(await host.installer.update({ ...next, overrides: {} })).toMatchObject({ overrides: {}, priority: 950 });
  });

  test("an empty list of prefixes stands for the plugin's own alone", async () => {
    await using host = await Host.start();
    const asking = scripted("a", {}, { kv_prefixes: ["orders:"] });
    expect(await host.installer.install({ ...asking, overrides: { kv_prefixes: [] } })).toMatchObject({
      kvPrefixes: ["__plugin:a:"],
    });
    // What it was not granted is free for others.
    await host.installer.install(scripted("b", {}, { kv_prefixes: ["orders:"] }));
  });

  test.each<[string, unknown, string, string]>([
    ["a priority of features", { priority: 899 }, "INVALID_PARAMS", "overrides.priority"],
    ["too little memory", { memory_limit: 1 }, "INVALID_PARAMS", "overrides.memory_limit"],
    ["no time", { execution_timeout_ms: 0 }, "INVALID_PARAMS", "overrides.execution_timeout_ms"],
    ["too many instances", { max_instances: 65 }, "INVALID_PARAMS", "overrides.max_instances"],
    ["a prefix without a separator", { kv_prefixes: ["a"] }, "INVALID_PARAMS", "overrides.kv_prefixes[0]"],
    ["a permission", { permissions: ["kv:write"] }, "INVALID_PARAMS", "overrides.permissions"],
    ["no object", 7, "INVALID_PARAMS", "overrides"],
    ["a reserved prefix", { kv_prefixes: ["__sys:"] }, "PLUGIN_PREFIX_CONFLICT", "overrides.kv_prefixes"],
  ])("are refused with %s, and the field is named", async (_what, overrides, code, field) => {
    await using host = await Host.start();
    await expect(host.installer.install({ ...scripted("a", {}), overrides })).rejects.toMatchObject({
      code,
      details: { field },
    });
    expect(await host.plugins.get("a")).toBeNull();
    await host.installer.install(scripted("a", {}));
    await expect(host.installer.update({ ...scripted("a", {}), overrides })).rejects.toMatchObject({ code });
    expect((await host.plugins.get("a"))?.overrides).toEqual({});
  });

  test("are refused with a prefix that overlaps what another plugin was granted", async () => {
    await using host = await Host.start();
    await host.installer.install({ ...scripted("a", {}), overrides: { kv_prefixes: ["orders:"] } });
    const other = { ...scripted("b", {}), overrides: { kv_prefixes: ["orders:eu:"] } };
    await expect(host.installer.install(other)).rejects.toMatchObject({ code: "PLUGIN_PREFIX_CONFLICT" });
  });
});
