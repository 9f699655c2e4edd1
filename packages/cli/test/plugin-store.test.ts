import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PluginStore } from "@aspen/plugin-host";
import { blobHash, type Store } from "@aspen/storage";
import { EmbeddedStore } from "@aspen/storage/embedded";
import { RedisStore } from "@aspen/storage/redis";
import { RedisServer } from "@aspen/storage/testing";
import { aspen, startNode } from "./support.js";

/** A plugin that no node could start: its wasm is none. */
const WASM = Buffer.from("not wasm");

async function installBroken(store: Store, name: string): Promise<void> {
  const tag = `plugin:${name}:code:1`;
  const hash = await store.blobs.put(WASM, { reference: tag });
  const artifacts = [{ name: "plugin.wasm", hash, bytes: WASM.length, tag }];
  const manifest = {
    ...{
      name,
      version: "1.0.0",
      api_version: "1",
      handles: [`${name}.*`],
      kv_prefixes: [],
      permissions: [],
      tags: [],
      timers: [],
      subscriptions: [],
    },
    ...{
      entry: { kind: "wasm" as const, source: "src/plugin.ts", wasm: "plugin.wasm" },
      priority: 950,
      memory_limit: 2 ** 26,
    },
    ...{ execution_timeout_ms: 1000, max_instances: 1, isolation: "instance" as const, dependencies: [] },
  };
  const now = new Date().toISOString();
  const record = {
    ...{ manifest, artifacts, overrides: {}, official: null, config: {}, enabled: true },
    ...{ revision: crypto.randomUUID(), installedAt: now, updatedAt: now },
  };
  const startDeath = { verdict: "quarantined", host: "h", pid: 7, startedAt: now } as const;
  await new PluginStore(store.kv).change(() => ({ put: { ...record, startDeath } }));
}

describe("plugins of a store without a node", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "aspen-cli-plugin-store-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it("are listed, disabled and removed in a data directory", async () => {
    const data = join(directory, "data");
    {
      await using store = await EmbeddedStore.open({ directory: data });
      for (const name of ["one", "two"]) await installBroken(store, name);
      await store.kv.put("__plugin:one:k", WASM);
    }
    const at = ["--data-dir", data];
    expect((await aspen(["plugin", "list", ...at])).stdout).toMatch(/\none +1\.0\.0 +quarantined +950/);
    expect(await aspen(["plugin", "disable", "two", ...at])).toMatchObject({ code: 0, stdout: "disabled two\n" });
    const removed = await aspen(["plugin", "remove", "one", ...at, "--json"]);
    expect(removed).toMatchObject({ code: 0, stdout: '{"removed":"one"}\n' });
    expect(await aspen(["plugin", "remove", "one", ...at])).toMatchObject({ code: 4 });
    expect(JSON.parse((await aspen(["plugin", "list", "--json", ...at])).stdout)).toMatchObject({
      plugins: [{ name: "two", state: "disabled" }],
      unreadable: [],
    });
    await using store = await EmbeddedStore.open({ directory: data });
    expect(await store.blobs.references(blobHash(WASM))).toEqual(["plugin:two:code:1"]);
    expect(await store.kv.get("__plugin:one:k")).not.toBeNull();
  });

  it("are removed on Redis, which nodes follow", async () => {
    await using redis = await RedisServer.start();
    await using store = await RedisStore.open({ url: redis.url });
    await installBroken(store, "one");
    // The variable is for a node: what it names is not taken for a store here.
    const env = { ASPEN_REDIS_URL: redis.url, ASPEN_NODE: "http://127.0.0.1:9" };
    expect(await aspen(["plugin", "remove", "one"], { env })).toMatchObject({ code: 7 });
    const node = await startNode(["--redis", redis.url]);
    try {
      expect((await aspen(["plugin", "list"], { env: { ASPEN_NODE: node.url } })).stdout).toMatch(
        /one +1\.0\.0 +failed/,
      );
      expect((await aspen(["plugin", "remove", "one", "--redis", redis.url], { env })).code).toBe(0);
      const deadline = performance.now() + 30_000;
      for (;;) {
        const { stdout } = await aspen(["plugin", "list", "--json"], { env: { ASPEN_NODE: node.url } });
        if (!JSON.parse(stdout).plugins.some((it: { name: string }) => it.name === "one")) break;
        expect(performance.now()).toBeLessThan(deadline);
      }
    } finally {
      await node.stop("SIGTERM");
    }
  });

  it("are asked for with a store or with a node, not with both, and with a store that is there", async () => {
    const node = ["--node", "http://127.0.0.1:9"];
    for (const args of [["list"], ["remove", "x"], ["disable", "x"]]) {
      expect(await aspen(["plugin", ...args, ...node, "--data-dir", directory])).toMatchObject({ code: 2 });
      expect(await aspen(["plugin", ...args, "--data-dir", directory])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("holds no store"),
      });
    }
  });
});

describe("aspen node start --safe-mode", () => {
  it("starts no plugin and says so", async () => {
    const directory = await mkdtemp(join(tmpdir(), "aspen-cli-safe-mode-"));
    const data = join(directory, "data");
    {
      await using store = await EmbeddedStore.open({ directory: data });
      await installBroken(store, "one");
    }
    const node = await startNode(["--data-dir", data, "--safe-mode"]);
    try {
      const env = { ASPEN_NODE: node.url };
      expect(node.line).toMatch(/in safe mode$/);
      expect(await aspen(["plugin", "list"], { env })).toMatchObject({
        stdout: expect.stringMatching(/one +1\.0\.0 +stopped/),
        stderr: expect.stringContaining("safe mode"),
      });
      expect((await aspen(["plugin", "enable", "one"], { env })).stdout).toMatch(/enabled one 1\.0\.0 \(stopped\)/);
      expect((await aspen(["plugin", "remove", "one"], { env })).code).toBe(0);
    } finally {
      await node.stop("SIGTERM");
      await rm(directory, { recursive: true, force: true });
    }
  });
});
