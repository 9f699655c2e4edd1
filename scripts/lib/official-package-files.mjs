const PREFIX = "plugins-";

/** True for a package that brings an official plugin. */
export function isOfficialPackage(name) {
  return name.startsWith(PREFIX);
}

/**
 * What a package of official plugins has beside, or in place of, the files of any other: the plugin's source and its
 * manifest, a build that puts it into dist/plugin with its hash, and the feature that binds it.
 *
 * @param model package.json of a package that knows the container and zod
 */
export function filesOfOfficialPackage({ name, model, packageJson }) {
  const plugin = name.slice(PREFIX.length);
  const aspen = model.dependencies["@aspen/plugin-api"];
  const { inversify, "reflect-metadata": metadata } = model.peerDependencies;
  const manifest = {
    ...packageJson,
    exports: {
      ".": packageJson.exports["."],
      "./feature": {
        "@aspen/source": "./src/feature.ts",
        types: "./dist/feature.d.ts",
        default: "./dist/feature.js",
      },
      "./package.json": "./package.json",
    },
    scripts: { ...packageJson.scripts, build: `${packageJson.scripts.build} && node scripts/build-plugin.mjs` },
    dependencies: {
      "@aspen/plugin-api": aspen,
      "@aspen/rpc-core": aspen,
      "@aspen/feature": aspen,
      "@aspen/plugin-host": aspen,
      zod: model.peerDependencies.zod,
    },
    devDependencies: {
      "@aspen/guest-sdk": aspen,
      "@aspen/storage": aspen,
      "@aspen/wasm-plugin": aspen,
      inversify: model.devDependencies.inversify,
      "reflect-metadata": model.devDependencies["reflect-metadata"],
    },
    peerDependencies: { inversify, "reflect-metadata": metadata },
  };
  const pluginJson = {
    $schema: "../plugin-api/plugin.schema.json",
    name: plugin,
    version: "0.1.0",
    api_version: "1",
    description: packageJson.description,
    entry: { kind: "wasm", source: "src/guest/index.ts" },
    handles: [`${plugin}.*`],
    priority: 500,
    permissions: [],
  };
  const json = (value) => `${JSON.stringify(value, null, 2)}\n`;
  return {
    "package.json": json(manifest),
    "plugin.json": json(pluginJson),
    "tsconfig.declarations.json": json({
      extends: "../../tsconfig.declarations.json",
      include: ["src"],
      exclude: ["src/guest"],
    }),
    "scripts/build-plugin.mjs": `// Builds the plugin into dist/plugin, where src/feature.ts finds it: its plugin.json there has the hash of its file.
import { buildPlugin } from "@aspen/guest-sdk/compiler";
import { reservedPrefixes } from "../dist/index.js";

const { warnings } = await buildPlugin({ directory: ".", outDirectory: "dist/plugin", official: { reservedPrefixes } });
for (const warning of warnings) console.warn(warning);
`,
    "src/guest/index.ts": `import { definePlugin } from "@aspen/guest-sdk";

export default definePlugin({
  handlers: {
    "${plugin}.echo": (params: unknown) => params,
  },
});
`,
    "src/reserved-prefixes.ts": `/** Reserved key prefixes that belong to the plugin of this package; it also names them as \`kv_prefixes\`. */
export const reservedPrefixes: readonly string[] = [];
`,
    "src/feature.ts": `import "reflect-metadata";
import type { Feature } from "@aspen/feature";
import { readOfficialPlugin } from "@aspen/plugin-host";
import { PLUGIN_HOST } from "@aspen/plugin-host/feature";
import { ContainerModule } from "inversify";
import { z } from "zod";
import { reservedPrefixes } from "./reserved-prefixes.js";

const configSchema = z.strictObject({});

/** Brings the official plugin \`${plugin}\`; the node installs and updates it. */
export const feature: Feature<z.output<typeof configSchema>> = {
  name: "${plugin}",
  requires: ["plugins-wasm"],
  config: configSchema,
  async module() {
    // The same folder for src/feature.ts and dist/feature.js.
    const folder = new URL("../dist/plugin/", import.meta.url);
    const plugin = await readOfficialPlugin({ feature: "${plugin}", folder, reservedPrefixes });
    return new ContainerModule(({ bind }) => {
      bind(PLUGIN_HOST.officialPlugin).toConstantValue(plugin);
    });
  },
};
`,
    "test/official-plugin.test.ts": `import { NODE, POINTS, systemClock } from "@aspen/feature";
import { feature as plugins } from "@aspen/plugin-host/feature";
import { inProcessClient } from "@aspen/rpc-core";
import { RPC, rpcCoreModule } from "@aspen/rpc-core/module";
import { MemoryStore } from "@aspen/storage/memory";
import { storageModule } from "@aspen/storage/module";
import { feature as wasm } from "@aspen/wasm-plugin/feature";
import { expect, test } from "@jest/globals";
import { Container } from "inversify";
import { feature } from "../src/feature.js";

test("a node with the feature has the plugin", async () => {
  await using store = new MemoryStore();
  const container = new Container();
  container.load(storageModule(store), rpcCoreModule());
  container.bind(NODE.log).toConstantValue({ debug() {}, info() {}, warn() {}, error: console.error });
  container.bind(NODE.clock).toConstantValue(systemClock);
  container.bind(NODE.safeMode).toConstantValue(false);
  await container.loadAsync(await plugins.module({}), await wasm.module({}), await feature.module({}));
  await using service = container.get(POINTS.service);
  await service.start(new AbortController().signal);
  const client = inProcessClient(container.get(RPC.dispatcher));
  await expect(client.call("${plugin}.echo", { heard: true })).resolves.toEqual({ heard: true });
});
`,
  };
}
