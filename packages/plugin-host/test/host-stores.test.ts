import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleForNode } from "@aspen/guest-sdk/compiler";
import type { Store } from "@aspen/storage";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";
import { RedisCluster, RedisServer } from "@aspen/storage/testing";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { NativePluginRuntime } from "../src/native/index.js";
import { testHostFunctions } from "../src/testing/index.js";

let directory: string;
let server: RedisServer;
let cluster: RedisCluster;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-host-stores-"));
  [server, cluster] = await Promise.all([RedisServer.start(), RedisCluster.start()]);
}, 120_000);

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

let stores = 0;

/** A name that no test before has used: each store of it is empty. */
function fresh(): string {
  stores += 1;
  return `t${stores}`;
}

const open: Record<string, () => Promise<Store>> = {
  embedded: () => EmbeddedStore.open({ directory: join(directory, fresh()) }),
  redis: () => RedisStore.open({ url: server.url, keyPrefix: fresh() }),
  "a Redis Cluster of three": () => RedisStore.open({ url: cluster.url, keyPrefix: fresh() }),
};

for (const [name, store] of Object.entries(open)) {
  testHostFunctions(
    { describe, test },
    {
      name,
      store,
      runtime: () => new NativePluginRuntime(),
      artifact: async ({ folder, manifest }) => {
        // Once, and not at each of the many starts.
        const module = join(directory, `${manifest.name}.mjs`);
        await writeFile(module, await bundleForNode({ plugin: manifest.name, source: join(folder, "src/plugin.ts") }));
        return { manifest, files: new Map(), module };
      },
      stopsCode: false,
      boundsMemory: false,
    },
  );
}
