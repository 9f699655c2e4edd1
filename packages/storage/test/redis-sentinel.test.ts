import { encodeUtf8, isAspenError } from "@aspen/plugin-api";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { RedisStore } from "../src/drivers/redis/index.js";
import { blobStoreCases, keyValueStoreCases, RedisSentinels, watchCases } from "../src/testing/index.js";
import { until } from "../src/testing/until.js";
import { follow } from "./redis/follow.js";
import { StaleSentinel } from "./redis/stale-sentinel.js";

const SENTINEL_PASSWORD = "only for Sentinels";
const query = `sentinelPassword=${encodeURIComponent(SENTINEL_PASSWORD)}`;

let group: RedisSentinels;
beforeAll(async () => {
  group = await RedisSentinels.start({ sentinelPassword: SENTINEL_PASSWORD });
}, 60_000);
afterAll(() => group[Symbol.asyncDispose]());

const open = (waitReplicas = 0) =>
  RedisStore.open({ url: `${group.url}?${query}`, commandTimeoutMs: 10_000, waitReplicas });

const cases = [...keyValueStoreCases, ...watchCases, ...blobStoreCases];
const half = Math.floor(cases.length / 2);

function conform(name: string, from: number, to: number): void {
  describe(name, () => {
    for (const [index, it] of cases.slice(from, to).entries()) {
      test(it.name, async () => {
        await using store = await open();
        await it.run(store, `sentinel-${from + index}:`);
      });
    }
  });
}

conform("redis behind sentinels, before a fail-over", 0, half);

describe("redis behind sentinels", () => {
  test("the structured form of the options, and a name that no Sentinel knows", async () => {
    const nodes = group.sentinels.map(({ port }) => ({ host: "127.0.0.1", port }));
    // On a busy machine the replica may be connecting again.
    await until("no warning is left", async () => {
      await using store = await RedisStore.open({
        sentinel: { nodes, name: group.name, password: SENTINEL_PASSWORD },
      });
      return store.warnings.length === 0;
    });
    for (const sentinel of [
      { nodes, name: group.name },
      { nodes, name: "other", password: SENTINEL_PASSWORD },
    ]) {
      await expect(RedisStore.open({ sentinel, commandTimeoutMs: 500 })).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
      });
    }
    await expect(
      RedisStore.open({ url: `redis://:${encodeURIComponent(SENTINEL_PASSWORD)}@127.0.0.1:${nodes[0]!.port}` }),
    ).rejects.toMatchObject({ message: expect.stringContaining("redis+sentinel://host/name") });
  });

  test("a Sentinel that names an old primary does not keep a watch from listening", async () => {
    await using stale = await StaleSentinel.start();
    const nodes = [stale, ...group.sentinels].map(({ port }) => ({ host: "127.0.0.1", port }));
    await using store = await RedisStore.open({
      sentinel: { nodes, name: group.name, password: SENTINEL_PASSWORD },
      commandTimeoutMs: 30_000,
    });
    // Each begins at another Sentinel, by chance: some of so many at the stale one.
    for (let i = 0; i < 12; i++) {
      const ended = new AbortController();
      for await (const event of store.kv.watch(`stale-${i}:`, { signal: ended.signal })) {
        if (event.type === "synced") ended.abort();
      }
    }
    expect(stale.asked).toBeGreaterThan(0);
  }, 60_000);

  test("a fail-over loses nothing that waited for the replica, and a watch goes on over it", async () => {
    await using store = await open(1);
    await using listener = await open();
    await until("the replica has a write", async () => {
      const version = await store.kv.put("f:0", encodeUtf8("0")).catch(() => null);
      return version !== null;
    });
    const acknowledged = new Set(["f:0"]);
    const appended: string[] = [];
    const seen = new Set<string>();
    const controller = new AbortController();
    let writing = true;
    // Whatever fails, what runs beside the test ends with it.
    await using _stop = {
      async [Symbol.asyncDispose]() {
        writing = false;
        controller.abort();
      },
    };
    const watching = follow(listener.kv, "f:", seen, controller.signal);
    let reading = 0;
    const writer = (async () => {
      for (let i = 1; writing; i++) {
        try {
          const result = await store.kv.transact({
            checks: [],
            ops: [
              { type: "put", key: `f:${i}`, value: encodeUtf8("1") },
              { type: "append", prefix: "f:log:", value: encodeUtf8(String(i)) },
            ],
          });
          if (!result.ok) throw new Error("a transaction without checks failed one");
          acknowledged.add(`f:${i}`);
          appended.push(...result.appended);
        } catch (error) {
          // The replica was promoted and no other one had the write, or the connection was lost under it.
          if (!isAspenError(error) || error.code !== "OUTCOME_UNKNOWN") throw error;
        }
      }
    })();
    const reader = (async () => {
      while (writing) {
        expect(await listener.kv.get("f:0")).not.toBeNull();
        reading += 1;
      }
    })();
    await until("some writes", async () => acknowledged.size > 100);
    await group.failOver();
    const [before, readBefore] = [acknowledged.size, reading];
    await until("writes to the new primary, and its replica", async () => acknowledged.size > before + 100);
    await until("reads of the new primary", async () => reading > readBefore + 100);
    writing = false;
    await Promise.all([writer, reader]);
    await using after = await open();
    const missing: string[] = [];
    for (const key of [...acknowledged, ...appended]) if ((await after.kv.get(key)) === null) missing.push(key);
    expect(missing).toEqual([]);
    // The new primary went on with the version of the old one.
    expect(appended).toEqual([...new Set(appended)].sort());
    await until("the watch is told", async () => [...acknowledged, ...appended].every((key) => seen.has(key)));
    controller.abort();
    await watching;
  }, 60_000);

  test("a primary that is demoted under a connection is left, and no write lost or doubled", async () => {
    await using store = await open();
    await store.kv.put("d:1", encodeUtf8("1"));
    const primary = await group.primary();
    const other = group.servers.find((server) => server !== primary)!;
    const [old, next] = [primary, other].map(({ url }) => new Redis(url)) as [Redis, Redis];
    await until("the replica follows", async () => (await next.info("replication")).includes("master_link_status:up"));
    // Redis changes the two itself and keeps the connections of clients, so that they meet a replica: READONLY.
    await old.call("FAILOVER", "TO", "127.0.0.1", other.port, "FORCE", "TIMEOUT", 5000);
    const writes = Array.from({ length: 50 }, (_, i) => store.kv.put(`d:${i}`, encodeUtf8("2")));
    await until("the primary is demoted", async () => (await old.info("replication")).includes("role:slave"));
    for (const { port } of group.sentinels) {
      const sentinel = new Redis({ port, password: SENTINEL_PASSWORD, enableReadyCheck: false });
      await sentinel.call("SENTINEL", "REMOVE", group.name);
      await sentinel.call("SENTINEL", "MONITOR", group.name, "127.0.0.1", other.port, 2);
      sentinel.disconnect();
    }
    const versions = await Promise.all(writes);
    expect(new Set(versions).size).toBe(50);
    expect(Math.max(...versions)).toBe(51);
    expect((await store.kv.scan({ prefix: "d:" })).entries).toHaveLength(50);
    old.disconnect();
    next.disconnect();
  }, 60_000);
});

conform("redis behind sentinels, after a fail-over", half, cases.length);
