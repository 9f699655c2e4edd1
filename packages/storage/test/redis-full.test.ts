import { setTimeout as delay } from "node:timers/promises";
import { encodeUtf8 } from "@aspen/plugin-api";
import { Redis } from "ioredis";
import { RedisStore } from "../src/drivers/redis/index.js";
import { appendValue, type Op } from "../src/index.js";
import { RedisServer } from "../src/testing/index.js";
import { redisAdmin } from "../src/testing/redis/redis-admin.js";
import { until } from "../src/testing/until.js";

let server: RedisServer;
let store: RedisStore;
let admin: Redis;

beforeAll(async () => {
  server = await RedisServer.start();
  store = await RedisStore.open({ url: server.url });
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin.disconnect();
  await store[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await admin.config("SET", "maxmemory", "0");
});

/** From now on the server has no memory left. */
async function fill(): Promise<void> {
  await admin.config("SET", "maxmemory", "1mb");
  await expect(store.kv.put("full:new", new Uint8Array(10))).rejects.toMatchObject({
    code: "STORE_UNAVAILABLE",
    message: expect.stringMatching(/memory is full; delete keys, run `aspen blob gc`, or raise its maxmemory/),
  });
}

const text = (value: string) => encodeUtf8(value);

describe("a Redis whose memory is full", () => {
  test("takes every kind of deletion", async () => {
    for (const key of ["full:a", "full:b", "full:c", "full:d"]) await store.kv.put(key, text("x"));
    await fill();
    expect(await store.kv.delete("full:a")).toBe(true);
    expect(await store.kv.compareAndSwap("full:b", text("x"), null)).toMatchObject({ ok: true });
    const ops: Op[] = [
      { type: "delete", key: "full:c" },
      { type: "delete", key: "full:none" },
    ];
    expect(await store.kv.transact({ checks: [], ops })).toMatchObject({ ok: true });
    expect((await store.kv.scan({ prefix: "full:" })).entries.map(({ key }) => key)).toEqual(["full:d"]);
  });

  test("takes deletions also from a store that was just opened", async () => {
    await store.kv.put("full:again", text("x"));
    await fill();
    await using other = await RedisStore.open({ url: server.url });
    expect(await other.kv.compareAndSwap("full:again", text("x"), null)).toMatchObject({ ok: true });
  });

  test("replaces a value by one that is no longer, and refuses one that is", async () => {
    await store.kv.put("full:r", text("12345"));
    await store.kv.put("full:s", text("12345"));
    await fill();
    await store.kv.put("full:r", text("54321"));
    expect(await store.kv.compareAndSwap("full:r", text("54321"), text("abc"))).toMatchObject({ ok: true });
    const swap = (value: string) => ({
      checks: [{ key: "full:r", value: text("abc") }],
      ops: [
        { type: "delete" as const, key: "full:s" },
        { type: "put" as const, key: "full:r", value: text(value) },
      ],
    });
    await expect(store.kv.transact(swap("x".repeat(1000)))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await expect(store.kv.put("full:r", text("abcd"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await expect(store.kv.compareAndSwap("full:r", text("abc"), text("abcd"))).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    expect(await store.kv.transact(swap("xy"))).toMatchObject({ ok: true });
    expect(await store.kv.get("full:s")).toBeNull();
    await expect(
      store.kv.transact({ checks: [], ops: [{ type: "put", key: "full:new", value: text("") }] }),
    ).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  test("appends what takes no more than the transaction frees, and refuses anything else", async () => {
    for (let i = 0; i < 3; i++) await store.kv.put(`full:old:${i}`, text("x".repeat(500)));
    await fill();
    await expect(appendValue(store.kv, "full:log:", text("x"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    const ops: Op[] = [
      { type: "delete", key: "full:old:0" },
      { type: "append", prefix: "full:log:", value: text("x") },
    ];
    const result = await store.kv.transact({ checks: [], ops });
    expect((await store.kv.scan({ prefix: "full:log:" })).entries).toMatchObject([
      { key: result.ok && result.appended[0], value: text("x") },
    ]);
    const larger: Op = { type: "append", prefix: "full:log:", value: text("x".repeat(2000)) };
    await expect(
      store.kv.transact({ checks: [], ops: [{ type: "delete", key: "full:old:1" }, larger] }),
    ).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(await store.kv.get("full:old:1")).not.toBeNull();
  });

  test("tells a swap and a transaction that found something else so", async () => {
    await store.kv.put("full:t", text("1"));
    await fill();
    expect(await store.kv.compareAndSwap("full:t", text("2"), null)).toMatchObject({ ok: false });
    const transaction = { checks: [{ key: "full:t", value: null }], ops: [{ type: "delete" as const, key: "full:t" }] };
    expect(await store.kv.transact(transaction)).toEqual({ ok: false, failed: 0 });
  });

  test("lets the node change its own records a little, and nobody else", async () => {
    await store.kv.put("__sys:plugin:p", text(JSON.stringify({ enabled: true })));
    await store.kv.put("full:p", text(JSON.stringify({ enabled: true })));
    await fill();
    const value = text(JSON.stringify({ enabled: false }));
    const disable = (key: string) => store.kv.transact({ checks: [], ops: [{ type: "put", key, value }] });
    expect(await disable("__sys:plugin:p")).toMatchObject({ ok: true });
    await expect(disable("full:p")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await expect(store.kv.put("__sys:large", new Uint8Array(5000))).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
  });

  test("drops what has expired", async () => {
    for (let i = 0; i < 20; i++) await store.kv.put(`gone:${i}`, text("x"), { ttlMs: 50 });
    await store.kv.put("gone:kept", text("x"));
    await fill();
    for (let left = 21; left > 1; ) left = Number(await admin.zcard("aspen:{gone%3A}:i"));
    expect((await store.kv.scan({ prefix: "gone:" })).entries.map(({ key }) => key)).toEqual(["gone:kept"]);
  });

  test("collects garbage, removes references, and deletes blobs", async () => {
    const garbage = await store.blobs.put(new Uint8Array(300_000).fill(1));
    const referenced = await store.blobs.put(new Uint8Array(1000).fill(2), { reference: "tag" });
    const other = await store.blobs.put(new Uint8Array(1000).fill(3), { reference: "tag" });
    await fill();
    expect(await store.blobs.removeReference(referenced, "tag")).toBe(true);
    expect(await store.blobs.delete(other)).toBe(true);
    await delay(1050);
    expect(await store.blobs.collectGarbage({ graceMs: 1000 })).toMatchObject({ blobs: 2 });
    expect(await store.blobs.has(garbage)).toBe(false);
    expect(await admin.keys("aspen:blob:p:*")).toEqual([]);
  });
});

describe("a Redis that begins to evict keys", () => {
  test("is noticed as soon as something is gone", async () => {
    await using own = await RedisServer.start();
    const warnings: string[] = [];
    // The next look would come tomorrow.
    const options = { url: own.url, checkMs: 86_400_000, onWarning: (warning: string) => warnings.push(warning) };
    await using watched = await RedisStore.open(options);
    const direct = await redisAdmin(own.port);
    for (let i = 0; i < 50; i++) await watched.kv.put(`e:${i}`, new Uint8Array(1000));
    await watched.kv.scan({ prefix: "e:" });
    await direct.config("SET", "maxmemory-policy", "allkeys-random");
    await direct.config("SET", "maxmemory", "1mb");
    await until("keys are evicted", async () => {
      await watched.kv.put("e:0", new Uint8Array(1000)).catch(() => undefined);
      await direct.set("aspen:{e%3A}:never-read", "x").catch(() => undefined);
      return /evicted_keys:[1-9]/.test(await direct.info("stats"));
    });
    await direct.config("SET", "maxmemory", "0");
    await direct.config("SET", "maxmemory-policy", "allkeys-lru");
    await direct.config("SET", "maxmemory", "1gb");
    await watched.kv.put("e:new", new Uint8Array(1000));
    await direct.del("aspen:{e%3A}:r:e:new");
    await watched.kv.scan({ prefix: "e:" });
    await until("it is told", async () => warnings.length >= 2);
    expect(warnings).toEqual([
      expect.stringMatching(
        /evicts keys when its memory is full \(maxmemory-policy allkeys-lru\); set it to noeviction/,
      ),
      expect.stringMatching(/^the server has evicted \d+ keys, which are lost: set maxmemory-policy to noeviction/),
    ]);
    direct.disconnect();
  });

  test("is noticed now and then, and told once", async () => {
    await using own = await RedisServer.start();
    const warnings: string[] = [];
    await using _watched = await RedisStore.open({
      url: own.url,
      checkMs: 1000,
      onWarning: (warning) => warnings.push(warning),
    });
    const direct = await redisAdmin(own.port);
    await direct.config("SET", "appendonly", "no");
    await until("it is told", async () => warnings.length > 0);
    const looks = async () => Number(/cmdstat_config\|get:calls=(\d+)/.exec(await direct.info("commandstats"))![1]);
    const before = await looks();
    await until("it was looked at again", async () => (await looks()) >= before + 6);
    expect(warnings).toEqual([expect.stringMatching(/keeps no append-only file/)]);
    direct.disconnect();
  });
});
