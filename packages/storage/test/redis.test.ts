import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { RedisStore } from "../src/index.js";
import { RedisServer, testStore } from "../src/testing/index.js";

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

testStore({ describe, test }, { name: "redis", open: () => RedisStore.open({ url: server.url }) });

describe("redis store", () => {
  test("two stores on one server see each other's writes and lose no update", async () => {
    await using one = await RedisStore.open({ url: server.url });
    await using two = await RedisStore.open({ url: server.url });
    const increment = async (store: RedisStore) => {
      for (;;) {
        const entry = await store.kv.get("shared:n");
        const next = encodeUtf8(String(Number(entry ? decodeUtf8(entry.value) : 0) + 1));
        if ((await store.kv.compareAndSwap("shared:n", entry?.value ?? null, next)).ok) return;
      }
    };
    await Promise.all(Array.from({ length: 60 }, (_, index) => increment(index % 2 ? one : two)));
    expect(decodeUtf8((await one.kv.get("shared:n"))!.value)).toBe("60");
  });

  test("another key prefix is another store", async () => {
    await using one = await RedisStore.open({ url: server.url, keyPrefix: "one" });
    await using two = await RedisStore.open({ url: server.url, keyPrefix: "two" });
    await one.kv.put("a:1", encodeUtf8("mine"));
    const hash = await one.blobs.put(encodeUtf8("only in one"));
    expect(await two.kv.get("a:1")).toBeNull();
    expect((await two.kv.scan({ prefix: "" })).entries).toEqual([]);
    expect(await two.blobs.has(hash)).toBe(false);
  });

  test("scripts that the server forgot are sent again", async () => {
    await using store = await RedisStore.open({ url: server.url });
    await store.kv.put("s:1", encodeUtf8("1"));
    const admin = new Redis(server.url);
    await admin.script("FLUSH");
    admin.disconnect();
    await store.kv.put("s:1", encodeUtf8("2"));
    expect((await store.kv.scan({ prefix: "s:" })).entries).toHaveLength(1);
  });

  test("without a server it says so within its time limit, and works again when there is one", async () => {
    await using own = await RedisServer.start();
    await using store = await RedisStore.open({ url: own.url, commandTimeoutMs: 500 });
    await store.kv.put("d:1", encodeUtf8("kept"));
    const hash = await store.blobs.put(encodeUtf8("kept too"));
    await own.stop();
    await expect(store.kv.get("d:1")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await expect(store.kv.put("d:1", encodeUtf8(""))).rejects.toMatchObject({
      code: expect.stringMatching(/STORE_UNAVAILABLE|OUTCOME_UNKNOWN/),
    });
    await expect(RedisStore.open({ url: own.url, commandTimeoutMs: 200 })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    await own.start();
    const deadline = Date.now() + 10_000;
    while (Date.now() < deadline && (await store.kv.get("d:1").catch(() => null)) === null);
    expect(decodeUtf8((await store.kv.get("d:1"))!.value)).toBe("kept");
    expect(decodeUtf8(await store.blobs.read(hash, 100))).toBe("kept too");
  });

  test("a read that is under way when the server dies is tried again", async () => {
    await using own = await RedisServer.start();
    await using store = await RedisStore.open({ url: own.url });
    await store.kv.put("r:1", encodeUtf8("kept"));
    const reads = Array.from({ length: 50 }, () => store.kv.get("r:1"));
    await own.stop();
    const more = Array.from({ length: 50 }, () => store.kv.get("r:1"));
    await own.start();
    for (const entry of await Promise.all([...reads, ...more])) expect(decodeUtf8(entry!.value)).toBe("kept");
  });

  test("a server that may lose data is warned of, or refused", async () => {
    const open = async (...settings: string[]) => {
      await using own = await RedisServer.start(settings);
      await using store = await RedisStore.open({ url: own.url });
      return store.warnings;
    };
    expect(await open()).toEqual([]);
    expect(await open("--appendonly", "no")).toEqual([expect.stringContaining("appendonly yes")]);
    expect(await open("--maxmemory-policy", "allkeys-lru")).toEqual([expect.stringContaining("noeviction")]);
    await expect(open("--maxmemory", "100mb", "--maxmemory-policy", "volatile-ttl")).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringMatching(/volatile-ttl.*noeviction/),
    });
    await expect(open("--replicaof", `127.0.0.1 ${server.port}`)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining("replica"),
    });
    expect(await open("--rename-command", "CONFIG", "HIDDEN")).toEqual([expect.stringContaining("CONFIG")]);
  });

  test("a user with a password and no more rights than it needs", async () => {
    const rules =
      "on >secret ~aspen:* &aspen:* +@read +@write +@scripting +publish +subscribe +ping +info +time -@admin";
    await using own = await RedisServer.start(["--user", "node", ...rules.split(" "), "--user", "default", "off"]);
    const address = own.url.slice("redis://".length);
    await using store = await RedisStore.open({ url: `redis://node:secret@${address}` });
    expect(store.warnings).toEqual([expect.stringContaining("configuration")]);
    await store.kv.put("a:1", encodeUtf8("1"));
    expect(await store.blobs.read(await store.blobs.put(encodeUtf8("blob")), 10)).toEqual(encodeUtf8("blob"));
    for await (const event of store.kv.watch("a:")) if (event.type === "synced") break;
    for (const url of [own.url, `redis://node:wrong@${address}`]) {
      await expect(RedisStore.open({ url, commandTimeoutMs: 500 })).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
      });
    }
  });

  test("watches of two databases of one server do not hear of each other", async () => {
    await using one = await RedisStore.open({ url: `${server.url}/1` });
    await using two = await RedisStore.open({ url: `${server.url}/2` });
    for (let i = 0; i < 5; i++) await one.kv.put("same:1", encodeUtf8("one"));
    const seen: string[] = [];
    const controller = new AbortController();
    const watching = (async () => {
      for await (const event of two.kv.watch("same:", { signal: controller.signal })) seen.push(event.type);
    })();
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await one.kv.put("same:1", encodeUtf8("one"));
    const admin = new Redis(server.url);
    const scripts = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info("commandstats"))?.[1]);
    const before = await scripts();
    await new Promise((resolve) => setTimeout(resolve, 300));
    // Woken by versions that it cannot find, it would look for them without a pause.
    expect((await scripts()) - before).toBeLessThan(20);
    admin.disconnect();
    await two.kv.put("same:1", encodeUtf8("two"));
    while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort();
    await watching;
    expect(seen).toEqual(["synced", "put"]);
  });

  test("the changes that a watch may go on from outlive it, and an emptied server does not make it spin", async () => {
    await using own = await RedisServer.start();
    await using store = await RedisStore.open({ url: own.url });
    const admin = new Redis(own.url);
    const seen: string[] = [];
    const controller = new AbortController();
    const watch = async () => {
      for await (const event of store.kv.watch("w:", { signal: controller.signal })) seen.push(event.type);
    };
    const first = watch();
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (let i = 0; i < 5; i++) await store.kv.put("w:1", encodeUtf8("1"));
    const stream = (await admin.keys("*:c"))[0]!;
    const lease = (await admin.keys("*:w"))[0]!;
    await admin.pexpire(stream, 1000);
    for await (const event of store.kv.watch("w:")) if (event.type === "synced") break;
    expect(await admin.pttl(stream)).toBeGreaterThanOrEqual(await admin.pttl(lease));
    // Also without its changes a watched namespace can be written to.
    await admin.del(stream);
    await admin.hset(lease, "bytes", 1e9);
    await store.kv.put("w:1", encodeUtf8("2"));
    await admin.flushall();
    await expect(first).rejects.toMatchObject({ code: "WATCH_COMPACTED" });
    const second = watch();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const scripts = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await admin.info("commandstats"))?.[1]);
    const before = await scripts();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await scripts()) - before).toBeLessThan(20);
    controller.abort();
    await second;
    admin.disconnect();
  });
});
