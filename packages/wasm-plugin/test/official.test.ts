import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPlugin } from "@aspen/guest-sdk/compiler";
import {
  OfficialPlugins,
  PluginInstaller,
  PluginStarter,
  PluginStore,
  PluginSupervisor,
  readOfficialPlugin,
} from "@aspen/plugin-host";
import { Dispatcher, HandlerRegistry, inProcessClient } from "@aspen/rpc-core";
import { MemoryStore } from "@aspen/storage/memory";
import { expect, test } from "@jest/globals";
import { WasmPluginRuntime } from "../src/index.js";

const SOURCE = `import { definePlugin, kv } from "@aspen/guest-sdk";
export default definePlugin({
  handlers: {
    "forge.note": async (params) => {
      await kv.put("forge:note", String(params));
      return (await kv.get("forge:note"))?.text() ?? null;
    },
  },
});
`;

const MANIFEST = {
  name: "forge",
  version: "1.0.0",
  api_version: "1",
  entry: { source: "plugin.ts" },
  handles: ["forge.note"],
  priority: 500,
  kv_prefixes: ["forge:"],
  permissions: ["kv:read", "kv:write"],
};

test("an official plugin writes under its reserved prefix; without its feature the same file is held back", async () => {
  // Beside the other fixtures, from where the SDK is found.
  const folder = await mkdtemp(fileURLToPath(new URL("./fixtures/official-", import.meta.url)));
  try {
    await writeFile(join(folder, "plugin.json"), JSON.stringify(MANIFEST));
    await writeFile(join(folder, "plugin.ts"), SOURCE);
    await expect(buildPlugin({ directory: folder })).rejects.toMatchObject({ code: "MANIFEST_INVALID" });
    const official = { reservedPrefixes: ["forge:"] };
    await buildPlugin({ directory: folder, official });
    const forge = await readOfficialPlugin({ feature: "forge", folder: join(folder, "dist"), ...official });
    const { manifest } = forge;

    await using store = new MemoryStore();
    await using runtime = new WasmPluginRuntime();
    const node = (plugins: OfficialPlugins) => {
      const { kv, blobs } = store;
      const nothing = () => undefined;
      const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
      const registry = new HandlerRegistry();
      const starter = new PluginStarter({ runtimes: [runtime], kv, blobs, logger });
      const parts = { store: new PluginStore(kv), starter, registry, official: plugins, logger };
      const supervisor = new PluginSupervisor(parts);
      const installer = new PluginInstaller({ ...parts, blobs, supervisor });
      return { supervisor, installer, client: inProcessClient(new Dispatcher({ registry })) };
    };
    const one = node(new OfficialPlugins([forge]));
    await using _one = one.supervisor;
    await one.supervisor.start();
    await expect(one.installer.installOfficial(forge)).resolves.toBe("installed");
    await expect(one.client.call("forge.note", "kept")).resolves.toBe("kept");
    expect((await store.kv.get("forge:note"))?.value).toEqual(new TextEncoder().encode("kept"));

    const two = node(new OfficialPlugins());
    await using _two = two.supervisor;
    await two.supervisor.start();
    await expect(two.client.call("forge.note", "x")).rejects.toMatchObject({ code: "PLUGIN_UNAVAILABLE" });
    const artifacts = await forge.files();
    await expect(two.installer.install({ manifest: { ...manifest, name: "other" }, artifacts })).rejects.toMatchObject({
      code: "MANIFEST_INVALID",
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
