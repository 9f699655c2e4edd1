import { decodeUtf8, encodeUtf8, isAspenError } from "@aspen/plugin-api";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Cluster, Redis } from "ioredis";
import { RedisStore } from "../src/drivers/redis/index.js";
import type { KeyValueStore } from "../src/index.js";
import { RedisCluster, RedisServer, testStore } from "../src/testing/index.js";
import { until } from "../src/testing/until.js";
import { follow } from "./redis/follow.js";

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.start();
}, 30_000);
afterAll(() => cluster[Symbol.asyncDispose]());

testStore({ describe, test }, { name: "redis cluster", open: () => RedisStore.open({ url: cluster.url }) });

/** Runs on every primary, in the order of their slots. */
async function onEach<T>(run: (admin: Redis) => Promise<T>): Promise<T[]> {
  return Promise.all(
    cluster.primaries.map(async ({ url }) => {
      const admin = new Redis(url);
      return run(admin).finally(() => admin.disconnect());
    }),
  );
}

/** A namespace of which everything lies on one primary. */
async function namespaceOn(primary: number): Promise<string> {
  const admin = new Redis(cluster.primaries[primary]!.url);
  try {
    for (let i = 0; ; i++) {
      const namespace = `on-${primary}-${i}:`;
      const slot = Number(await admin.cluster("KEYSLOT", `{${encodeURIComponent(namespace)}}`));
      if (Math.floor((slot * 3) / 16_384) === primary) return namespace;
    }
  } finally {
    admin.disconnect();
  }
}

async function increment(kv: KeyValueStore, key: string): Promise<void> {
  for (;;) {
    const entry = await kv.get(key);
    const next = encodeUtf8(String(Number(entry ? decodeUtf8(entry.value) : 0) + 1));
    if ((await kv.compareAndSwap(key, entry?.value ?? null, next)).ok) return;
  }
}

describe("redis cluster", () => {
  test("namespaces lie on all nodes, and a scan of everything merges them", async () => {
    await using store = await RedisStore.open({
      cluster: { nodes: [{ host: "127.0.0.1", port: cluster.primaries[1]!.port }] },
      keyPrefix: "spread",
    });
    const keys = Array.from({ length: 60 }, (_, i) => `ns${i % 30}:${i}`);
    await Promise.all(keys.map((key) => store.kv.put(key, encodeUtf8(key))));
    expect((await store.kv.getMany(keys)).map((entry) => decodeUtf8(entry!.value))).toEqual(keys);
    const pages: string[] = [];
    let after: string | undefined;
    do {
      const page = await store.kv.scan({ prefix: "ns", limit: 7, ...(after === undefined ? {} : { after }) });
      pages.push(...page.entries.map(({ key }) => key));
      after = page.cursor;
    } while (after !== undefined);
    expect(pages).toEqual([...keys].sort());
    const counts = await onEach(async (admin) => (await admin.keys("spread:*:i")).length);
    expect(counts.reduce((sum, count) => sum + count)).toBe(30);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });

  test("a watch hears of changes on every node", async () => {
    await using one = await RedisStore.open({ url: cluster.url });
    await using two = await RedisStore.open({ url: cluster.url });
    for (const primary of [0, 1, 2]) {
      const namespace = await namespaceOn(primary);
      for await (const event of one.kv.watch(namespace)) {
        if (event.type === "synced") await two.kv.put(`${namespace}told`, encodeUtf8("1"));
        if (event.type === "put") break;
      }
    }
  });

  test("scripts that every node forgot are sent again", async () => {
    await using store = await RedisStore.open({ url: cluster.url });
    const namespaces = await Promise.all([0, 1, 2].map(namespaceOn));
    const put = () => Promise.all(namespaces.map((namespace) => store.kv.put(`${namespace}s`, encodeUtf8("1"))));
    await put();
    await onEach((admin) => admin.script("FLUSH"));
    await put();
  });

  test("a namespace that moves to another node key by key is never seen in part", async () => {
    await using store = await RedisStore.open({ url: cluster.url, commandTimeoutMs: 20_000 });
    await using other = await RedisStore.open({ url: cluster.url, commandTimeoutMs: 20_000 });
    const namespace = await namespaceOn(0);
    const rows = Array.from({ length: 40 }, (_, i) => `${namespace}row${i}`);
    for (const key of rows) await store.kv.put(key, encodeUtf8("1"), { ttlMs: 600_000 });
    // Watched, so that every key that a namespace can have is there.
    for await (const event of store.kv.watch(namespace)) if (event.type === "synced") break;
    await store.kv.put(`${namespace}n`, encodeUtf8("0"));

    let moving = true;
    let increments = 0;
    const working = Promise.all([
      ...[store, other].map(async ({ kv }) => {
        while (moving) {
          await increment(kv, `${namespace}n`);
          increments += 1;
        }
      }),
      (async () => {
        while (moving) {
          const { entries } = await store.kv.scan({ prefix: `${namespace}row` });
          if (entries.length !== rows.length) throw new Error(`a scan saw ${entries.length} of ${rows.length} rows`);
        }
      })(),
    ]);
    const [from, to] = [cluster.primaries[0]!, cluster.primaries[1]!].map(({ url }) => new Redis(url)) as [
      Redis,
      Redis,
    ];
    const [fromId, toId] = await Promise.all(
      [from, to].map(async (admin) => String(await admin.call("CLUSTER", "MYID"))),
    );
    const slot = Number(await from.cluster("KEYSLOT", `{${encodeURIComponent(namespace)}}`));
    await to.call("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId!);
    await from.call("CLUSTER", "SETSLOT", slot, "MIGRATING", toId!);
    for (;;) {
      // What a script needs comes first, the rows after it.
      const keys = (await from.call("CLUSTER", "GETKEYSINSLOT", slot, 1000)) as string[];
      if (keys.length === 0) break;
      const next = keys.sort((a, b) => Number(a.includes(":r:")) - Number(b.includes(":r:"))).slice(0, 3);
      await from.call("MIGRATE", "127.0.0.1", cluster.primaries[1]!.port, "", 0, 5000, "KEYS", ...next);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const admin of [to, from]) await admin.call("CLUSTER", "SETSLOT", slot, "NODE", toId!);
    const during = increments;
    await until("the moved namespace is written to", async () => increments > during + 10);
    moving = false;
    await working;
    expect(decodeUtf8((await other.kv.get(`${namespace}n`))!.value)).toBe(String(increments));
    from.disconnect();
    to.disconnect();
  }, 30_000);

  test("nodes that all went away and came back are used again", async () => {
    await using own = await RedisCluster.start();
    await using store = await RedisStore.open({ url: own.url, commandTimeoutMs: 1000 });
    await store.kv.put("kept:1", encodeUtf8("1"));
    await Promise.all(own.primaries.map((server) => server.stop()));
    await expect(store.kv.get("kept:1")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await Promise.all(own.primaries.map((server) => server.start()));
    await until("the cluster is used again", async () => (await store.kv.get("kept:1").catch(() => null)) !== null);
    await store.kv.put("kept:2", encodeUtf8("2"));
  }, 30_000);

  test("a cluster that is down, has free slots or no replicas is refused or warned of", async () => {
    await using store = await RedisStore.open({ url: cluster.url });
    expect(store.warnings).toEqual(Array(3).fill(expect.stringMatching(/^The node 127\.0\.0\.1:\d+ has no replica/)));
    await using plain = await RedisServer.start();
    await expect(RedisStore.open({ url: cluster.primaries[0]!.url })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining("redis+cluster://"),
    });
    await expect(
      RedisStore.open({ url: `redis+cluster://127.0.0.1:${plain.port}`, commandTimeoutMs: 500 }),
    ).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", message: expect.stringMatching(/cluster support disabled/) });
    await using own = await RedisCluster.start({ settings: ["--maxmemory-policy", "allkeys-lru"] });
    const open = () => RedisStore.open({ url: own.url, commandTimeoutMs: 5000 });
    {
      await using evicting = await open();
      expect(evicting.warnings.filter((warning) => warning.includes("noeviction"))).toHaveLength(3);
    }
    const admin = new Redis(own.primaries[0]!.url);
    await own.primaries[2]!.stop();
    await until("the cluster is down", async () => (await admin.cluster("INFO")).includes("cluster_state:fail"));
    await expect(open()).rejects.toMatchObject({ message: expect.stringMatching(/down.*the nodes of \d+ slots/) });
    await own.primaries[2]!.start();
    await until("the cluster is up", async () => (await admin.cluster("INFO")).includes("cluster_state:ok"));
    await admin.call("CLUSTER", "DELSLOTS", 5);
    admin.disconnect();
    const url = `redis+cluster://127.0.0.1:${own.primaries[0]!.port}`;
    // On a busy machine the nodes may miss each other for a moment, which is refused, too.
    await until("a slot without a node is refused", async () => {
      const problem = await RedisStore.open({ url }).catch((error: Error) => error.message);
      return String(problem).includes("1 of the cluster's 16384 slots have no node");
    });
  }, 40_000);

  test("a fail-over loses nothing that waited for a replica, and a watch goes on over it", async () => {
    await using own = await RedisCluster.start({ replicas: 1 });
    await using store = await RedisStore.open({ url: own.url, waitReplicas: 1, commandTimeoutMs: 10_000 });
    await using listener = await RedisStore.open({ url: own.url });
    expect(listener.warnings).toEqual([]);
    const admin = new Cluster(own.primaries.map(({ port }) => ({ host: "127.0.0.1", port })));
    await store.kv.put("f:0", encodeUtf8("0"));
    const acknowledged = new Set<string>(["f:0"]);
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
    let unknown = 0;
    const writer = (async () => {
      for (let i = 1; writing; i++) {
        try {
          await store.kv.put(`f:${i}`, encodeUtf8("1"));
          acknowledged.add(`f:${i}`);
        } catch (error) {
          // While the old primary has no replica that takes over, or a write was under way when it died.
          if (!isAspenError(error)) throw error;
          unknown += 1;
        }
      }
    })();
    await until("some writes", async () => acknowledged.size > 100);
    const slot = Number(await admin.cluster("KEYSLOT", "{f%3A}"));
    await own.primaries[Math.floor((slot * 3) / 16_384)]!.stop();
    const before = acknowledged.size;
    await until("the replica is promoted", async () => {
      const entry = await listener.kv.get("f:0").catch(() => null);
      return entry !== null;
    });
    writing = false;
    await writer;
    await using after = await RedisStore.open({ url: own.url });
    await after.kv.put("f:last", encodeUtf8("1"));
    acknowledged.add("f:last");
    const stored = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await after.kv.scan({ prefix: "f:", ...(cursor === undefined ? {} : { after: cursor }) });
      for (const { key } of page.entries) stored.add(key);
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect([...acknowledged].filter((key) => !stored.has(key))).toEqual([]);
    expect(before).toBeGreaterThan(100);
    expect(unknown).toBeGreaterThan(0);
    await until("the watch is told", async () => [...acknowledged].every((key) => seen.has(key)));
    controller.abort();
    await watching;
    admin.disconnect();
  }, 60_000);
});
