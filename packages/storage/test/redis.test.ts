import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { RedisStore } from "../src/drivers/redis/index.js";
import { RedisServer, testStore } from "../src/testing/index.js";
import { until } from "../src/testing/until.js";

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

  test("a write that was under way when the connection was lost is applied once, or its outcome is not known", async () => {
    await using own = await RedisServer.start();
    await using store = await RedisStore.open({ url: own.url, commandTimeoutMs: 10_000 });
    const writes = Array.from({ length: 200 }, (_, i) => store.kv.put(`u:${i}`, encodeUtf8("1")));
    const settled = Promise.allSettled(writes);
    await writes[0];
    await own.stop();
    // The end of the connection has arrived here, and is seen in the next turn of the event loop.
    await delay(50);
    const later = Array.from({ length: 20 }, (_, i) => store.kv.put(`u:later${i}`, encodeUtf8("1")));
    await own.start();
    // What was not sent waits for the server, and is applied.
    await Promise.all(later);
    let acknowledged = 0;
    for (const [i, result] of (await settled).entries()) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "OUTCOME_UNKNOWN" });
      else {
        acknowledged += 1;
        expect((await store.kv.get(`u:${i}`))?.version).toBe(result.value);
      }
    }
    const { entries } = await store.kv.scan({ prefix: "u:" });
    expect(entries.length).toBeGreaterThanOrEqual(acknowledged + 20);
    expect(new Set(entries.map(({ version }) => version)).size).toBe(entries.length);
    // Every write has a version of its own, so that one that was applied twice would leave a gap.
    expect(Math.max(...entries.map(({ version }) => version))).toBe(entries.length);
  });

  test("a server that does not answer holds nobody longer than the time limit", async () => {
    await using own = await RedisServer.start();
    await using store = await RedisStore.open({ url: own.url, commandTimeoutMs: 300 });
    await store.kv.put("h:1", encodeUtf8("1"));
    own.signal("SIGSTOP");
    const [read, write] = await Promise.allSettled([store.kv.get("h:1"), store.kv.put("h:2", encodeUtf8("1"))]);
    expect(read).toMatchObject({ status: "rejected", reason: { code: "STORE_UNAVAILABLE" } });
    expect(write).toMatchObject({ status: "rejected", reason: { code: "OUTCOME_UNKNOWN" } });
    own.signal("SIGCONT");
    await until("it answers again", async () => (await store.kv.get("h:1").catch(() => null)) !== null);
  });

  test("commands of one turn leave in one piece", async () => {
    let pieces = 0;
    const proxy = createServer((near) => {
      const far = createConnection(server.port, "127.0.0.1");
      near.on("data", (piece) => {
        pieces += 1;
        far.write(piece);
      });
      far.pipe(near);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        socket.on("close", () => other.destroy());
        socket.on("error", () => other.destroy());
      }
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    {
      const { port } = proxy.address() as { port: number };
      await using store = await RedisStore.open({ url: `redis://127.0.0.1:${port}` });
      const before = pieces;
      await Promise.all(Array.from({ length: 100 }, (_, i) => store.kv.get(`turn:${i}`)));
      // The sweeper may have something to say, too.
      expect(pieces - before).toBeLessThan(5);
    }
    proxy.close();
    await once(proxy, "close");
  });

  test("only so many commands wait for a connection", async () => {
    await using own = await RedisServer.start();
    await using store = await RedisStore.open({ url: own.url, maxWaitingCommands: 5, commandTimeoutMs: 20_000 });
    await store.kv.put("q:1", encodeUtf8("1"));
    await own.stop();
    const first = await Promise.race([
      store.kv.get("q:1"),
      new Promise((resolve) => setTimeout(resolve, 100, "waits")),
    ]);
    expect(first).toBe("waits");
    const waiting = Array.from({ length: 4 }, () => store.kv.get("q:1"));
    await expect(store.kv.get("q:1")).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining("maxWaitingCommands"),
    });
    await own.start();
    for (const entry of await Promise.all(waiting)) expect(entry).not.toBeNull();
  });

  describe("expiry", () => {
    const sizes = async (admin: Redis, namespace: string) =>
      Promise.all(["i", "e"].map((set) => admin.zcard(`aspen:{${encodeURIComponent(namespace)}}:${set}`)));

    test("leaves neither index nor expiry entries, without anybody scanning", async () => {
      await using own = await RedisServer.start();
      const admin = new Redis(own.url);
      await using store = await RedisStore.open({ url: own.url });
      const namespaces = Array.from({ length: 5 }, (_, i) => `t${i}:`);
      for (const namespace of namespaces) {
        await Promise.all(
          Array.from({ length: 300 }, (_, i) => store.kv.put(`${namespace}${i}`, encodeUtf8("1"), { ttlMs: 50 + i })),
        );
        await store.kv.transact({
          checks: [],
          ops: [{ type: "put", key: `${namespace}tx`, value: encodeUtf8("1"), ttlMs: 100 }],
        });
      }
      await store.kv.put("t0:stays", encodeUtf8("1"));
      await store.kv.put("t1:late", encodeUtf8("1"), { ttlMs: 600_000 });
      await until("everything is swept", async () => {
        const all = await Promise.all(namespaces.map((namespace) => sizes(admin, namespace)));
        return JSON.stringify(all) === "[[1,0],[1,1],[0,0],[0,0],[0,0]]";
      });
      expect((await store.kv.scan({ prefix: "t" })).entries.map(({ key }) => key)).toEqual(["t0:stays", "t1:late"]);
      admin.disconnect();
    });

    test("is swept by a store that was not there when it was written", async () => {
      await using own = await RedisServer.start();
      const admin = new Redis(own.url);
      {
        await using store = await RedisStore.open({ url: own.url });
        await store.kv.put("old:1", encodeUtf8("1"), { ttlMs: 50 });
      }
      expect(await sizes(admin, "old:")).toEqual([1, 1]);
      await own.stop();
      await own.start();
      await using _store = await RedisStore.open({ url: own.url });
      await until("it is swept", async () => (await sizes(admin, "old:")).join() === "0,0");
      admin.disconnect();
    });

    test("of an entry that was replaced does not touch the new one", async () => {
      await using store = await RedisStore.open({ url: server.url });
      const admin = new Redis(server.url);
      const value = encodeUtf8("1");
      for (const key of ["put", "delete", "cas", "transact", "removed", "longer"]) {
        await store.kv.put(`again:${key}`, value, { ttlMs: 1500 });
      }
      await store.kv.put("again:put", value);
      await store.kv.delete("again:delete");
      await store.kv.put("again:delete", value);
      await store.kv.compareAndSwap("again:cas", value, value);
      await store.kv.transact({
        checks: [],
        ops: [
          { type: "put", key: "again:transact", value },
          { type: "delete", key: "again:removed" },
        ],
      });
      await store.kv.put("again:longer", value, { ttlMs: 600_000 });
      expect(await sizes(admin, "again:")).toEqual([5, 1]);
      await new Promise((resolve) => setTimeout(resolve, 2600));
      expect(await sizes(admin, "again:")).toEqual([5, 1]);
      expect((await store.kv.scan({ prefix: "again:" })).entries).toHaveLength(5);
      admin.disconnect();
    });

    test("is told to a watch also when the key is deleted or the index looked at first", async () => {
      await using store = await RedisStore.open({ url: server.url });
      const events: string[] = [];
      for await (const event of store.kv.watch("gone:")) {
        events.push(event.type === "delete" && event.expired ? "expired" : event.type);
        if (event.type === "synced") {
          await store.kv.put("gone:1", encodeUtf8("1"), { ttlMs: 1 });
          await new Promise((resolve) => setTimeout(resolve, 20));
          expect(await store.kv.delete("gone:1")).toBe(false);
        }
        if (events.length === 3) break;
      }
      expect(events).toEqual(["synced", "put", "expired"]);
    });

    test("namespaces in which nothing expires any more are forgotten, unless something is announced meanwhile", async () => {
      const admin = new Redis(server.url);
      const { scriptOf } = await import("../src/drivers/redis/connection/scripts.js");
      const run = (name: Parameters<typeof scriptOf>[0], ...args: (string | number)[]) =>
        admin.eval(scriptOf(name).text, 1, "registry", ...args);
      await run("announce-expiry", "a:", 0);
      const [namespace, taken] = (await run("take-due", 10, 5000)) as [string, string];
      expect(namespace).toBe("a:");
      expect(await run("take-due", 10, 5000)).toEqual([]);
      await run("announce-expiry", "a:", 60_000);
      expect(await run("settle-due", "a:", taken, -1, 0)).toBe(0);
      const take = async () => {
        const score = Number(await admin.zscore("registry", "a:"));
        await admin.zadd("registry", (score % 1) + 1, "a:");
        return ((await run("take-due", 10, 5000)) as string[])[1]!;
      };
      expect(await run("settle-due", "a:", await take(), -1, 0)).toBe(1);
      expect(await admin.zcard("registry")).toBe(1);
      expect(await run("settle-due", "a:", await take(), -1, 0)).toBe(1);
      expect(await admin.zcard("registry")).toBe(0);
      admin.disconnect();
    });
  });
});
