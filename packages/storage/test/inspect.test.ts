import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmbeddedStore, storeHolder } from "../src/drivers/embedded/index.js";
import { inspectRedis } from "../src/drivers/redis/index.js";
import { RedisServer } from "../src/testing/index.js";

const clock = { now: () => Date.now() };

describe("storeHolder", () => {
  it("names who has the store open, and takes nothing from anybody", async () => {
    const directory = await mkdtemp(join(tmpdir(), "aspen-holder-test-"));
    try {
      expect(await storeHolder(directory)).toBeNull();
      const store = await EmbeddedStore.open({ directory });
      expect(await storeHolder(directory)).toMatchObject({ pid: process.pid, host: expect.any(String) });
      await store.kv.put("t:a", new Uint8Array([1]));
      await store[Symbol.asyncDispose]();
      expect(await storeHolder(directory)).toBeNull();
      expect(await storeHolder(join(directory, "lock", "below"))).toBeNull();
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

describe("inspectRedis", () => {
  it("reports on a server that a node starts on", async () => {
    await using redis = await RedisServer.start();
    const { refusal, servers } = await inspectRedis({ url: redis.url }, clock);
    expect(refusal).toBeNull();
    expect(servers).toMatchObject([
      {
        version: expect.stringMatching(/^\d+\.\d+/),
        settings: { appendonly: "yes", maxmemory: 0, maxmemoryPolicy: "noeviction" },
        persistenceErrors: [],
        evictedKeys: 0,
      },
    ]);
    // The same machine has one clock; the answer lies within its error, and a millisecond of rounding.
    const [{ clockAheadMs, clockErrorMs }] = servers as [(typeof servers)[number]];
    expect(Math.abs(clockAheadMs)).toBeLessThanOrEqual(clockErrorMs + 2);
  });

  it("says why a node refuses it, and reports on it all the same", async () => {
    await using redis = await RedisServer.start(["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    const { refusal, servers } = await inspectRedis({ url: redis.url }, clock);
    expect(refusal).toMatch(/evicts keys/);
    expect(servers).toMatchObject([{ settings: { maxmemoryPolicy: "allkeys-lru" } }]);
  });

  it("does without a configuration that it may not see", async () => {
    await using redis = await RedisServer.start(["--user", "guest", "on", "nopass", "~*", "&*", "+@all", "-config"]);
    const { servers } = await inspectRedis({ url: redis.url.replace("//", "//guest:any@") }, clock);
    expect(servers).toMatchObject([{ settings: null, version: expect.any(String) }]);
  });

  it("fails where nobody answers", async () => {
    const away = inspectRedis({ url: "redis://127.0.0.1:1", commandTimeoutMs: 300 }, clock);
    await expect(away).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });
});
