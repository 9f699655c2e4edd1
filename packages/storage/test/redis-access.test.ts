import { readFile } from "node:fs/promises";
import { encodeUtf8 } from "@aspen/plugin-api";
import { describe, expect, test } from "@jest/globals";
import { maskRedisUrl, parseRedisUrl, RedisStore, type RedisStoreOptions } from "../src/drivers/redis/index.js";
import { RedisCluster, RedisServer } from "../src/testing/index.js";
import { redisAdmin } from "../src/testing/redis/redis-admin.js";
import { freePort } from "../src/testing/redis/redis-process.js";
import { until } from "../src/testing/until.js";
import { Certificates } from "./redis/certificates.js";

/** The rules that the README names: for a server, and what a cluster and `waitReplicas` need besides. */
async function rules(): Promise<{ server: string; cluster: string; wait: string }> {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const find = (pattern: RegExp) => {
    const found = pattern.exec(readme)?.[1];
    if (!found) throw new Error(`README.md names no rules like ${pattern}`);
    return found;
  };
  return {
    server: find(/`(~aspen:\* [^`]+)`/),
    cluster: find(/on a cluster also `([^`]+)`/),
    wait: find(/with `waitReplicas` also `([^`]+)`/),
  };
}

/** Uses everything that a store can do. */
async function useAll(store: RedisStore): Promise<void> {
  const value = encodeUtf8("1");
  for await (const event of store.kv.watch("a:")) {
    if (event.type === "synced") await store.kv.put("a:1", value, { ttlMs: 20 });
    if (event.type === "delete") break;
  }
  await store.kv.put("a:1", value);
  await store.kv.compareAndSwap("a:1", value, encodeUtf8("2"));
  await store.kv.transact({ checks: [], ops: [{ type: "put", key: "a:2", value }] });
  await store.kv.getMany(["a:1", "b:1"]);
  expect((await store.kv.scan({ prefix: "" })).entries).toHaveLength(2);
  await store.kv.delete("a:1");
  const hash = await store.blobs.put(encodeUtf8("blob"));
  expect(await store.blobs.read(hash, 10)).toEqual(encodeUtf8("blob"));
  for await (const blob of store.blobs.list()) expect(blob.hash).toBe(hash);
  await store.blobs.delete(hash);
}

describe("access to redis", () => {
  test("a user with no more rights than it needs", async () => {
    const { server, wait } = await rules();
    const user = `on >se%cr:et ${server} ${wait}`.split(" ");
    await using own = await RedisServer.start(["--user", "node", ...user, "--user", "default", "off"]);
    const address = own.url.slice("redis://".length);
    await using store = await RedisStore.open({ url: `redis://node:se%25cr%3Aet@${address}` });
    expect(store.warnings).toEqual([expect.stringContaining("configuration")]);
    await useAll(store);
    await using other = await RedisStore.open({
      url: own.url,
      username: "node",
      password: "se%cr:et",
      waitReplicas: 1,
    });
    // It may wait, though there is nobody to wait for.
    await expect(other.kv.put("a:1", encodeUtf8("1"))).rejects.toMatchObject({
      code: "OUTCOME_UNKNOWN",
      message: expect.stringContaining("no replica is known to have it"),
    });
    for (const options of [{ keyPrefix: "other" }, { database: 1 }]) {
      const denied = RedisStore.open({ url: own.url, username: "node", password: "se%cr:et", ...options }).then(
        async (store) => {
          await using opened = store;
          await opened.kv.put("a:1", encodeUtf8("1"));
        },
      );
      await expect(denied).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
        message: expect.stringContaining("NOPERM"),
      });
    }
  });

  // The time that commands may take is longer than that of a test: each of these is told at once.
  const commandTimeoutMs = 600_000;
  const refused = {
    code: "STORE_UNAVAILABLE",
    message: expect.stringMatching(/: Redis refused the connection: [A-Z]/),
  };

  test("a user that is not let in is told so at once", async () => {
    await using own = await RedisServer.start(["--requirepass", "secret"]);
    const address = own.url.slice("redis://".length);
    for (const userinfo of ["", ":wrong@", "nobody:secret@"]) {
      const url = `redis://${userinfo}${address}`;
      await expect(RedisStore.open({ url, commandTimeoutMs })).rejects.toMatchObject(refused);
    }
  });

  test("a user that is not let in again is told so at once", async () => {
    await using own = await RedisServer.start(["--requirepass", "secret"]);
    await using store = await RedisStore.open({ url: own.url, password: "secret", commandTimeoutMs });
    const admin = await redisAdmin(own.port, "secret");
    await admin.config("SET", "requirepass", "changed");
    await admin.call("CLIENT", "KILL", "TYPE", "normal");
    await expect(store.kv.put("a:1", encodeUtf8("1"))).rejects.toMatchObject(refused);
    await admin.config("SET", "requirepass", "secret");
    admin.disconnect();
    await until("it is let in", async () => (await store.kv.get("a:2").catch(() => undefined)) === null);
  });

  test("a user that a cluster does not let in is told so at once", async () => {
    const user = ["--user", "node", "on", ">secret", "~*", "&*", "+@all"];
    await using own = await RedisCluster.start({ settings: user });
    const denied = RedisStore.open({ url: own.url, username: "node", password: "wrong", commandTimeoutMs });
    await expect(denied).rejects.toMatchObject(refused);
  }, 30_000);

  test("a user of a cluster with no more rights than it needs", async () => {
    const { server, cluster } = await rules();
    const user = `on >secret ${server} ${cluster}`.split(" ");
    await using own = await RedisCluster.start({ settings: ["--user", "node", ...user] });
    await using store = await RedisStore.open({ url: own.url, username: "node", password: "secret" });
    await useAll(store);
  }, 30_000);

  test("TLS, with a certificate on both sides", async () => {
    await using certificates = await Certificates.make();
    const { ca, cert, key } = certificates;
    const port = await freePort();
    await using _server = await RedisServer.start(certificates.serverSettings(port));
    const url = `rediss://127.0.0.1:${port}`;
    await using store = await RedisStore.open({ url, tls: { ca, cert, key } });
    await useAll(store);
    await using named = await RedisStore.open({ url, tls: { ca, cert, key, servername: "redis.test" } });
    expect(await named.kv.get("a:2")).not.toBeNull();
    const refused = async (tls: RedisStoreOptions["tls"]) => {
      const opening = RedisStore.open({ url, ...(tls === undefined ? {} : { tls }), commandTimeoutMs: 500 });
      await expect(opening).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      return opening.catch((error: Error) => error.message);
    };
    expect(await refused(undefined)).toMatch(/certificate/);
    expect(await refused({ cert, key })).toMatch(/certificate/);
    expect(await refused({ ca, cert, key, servername: "other.test" })).toMatch(/altnames/);
    await refused({ ca });
  });
});

describe("the address of redis", () => {
  const where = (url: string) => {
    const { kind, nodes, tls, username, password, database, sentinel } = parseRedisUrl(url);
    return {
      kind,
      nodes: nodes.map(({ host, port }) => `${host}:${port}`),
      tls,
      username,
      password,
      database,
      sentinel,
    };
  };

  test("each form", () => {
    const none = { tls: null, username: undefined, password: undefined, database: 0, sentinel: null };
    expect(where("redis://h")).toEqual({ ...none, kind: "standalone", nodes: ["h:6379"] });
    expect(where("rediss://u:p%40ss@[::1]:1/3")).toEqual({
      ...none,
      kind: "standalone",
      nodes: ["::1:1"],
      tls: {},
      username: "u",
      password: "p@ss",
      database: 3,
    });
    expect(where("redis+cluster://:p@a:1,b")).toEqual({
      ...none,
      kind: "cluster",
      nodes: ["a:1", "b:6379"],
      password: "p",
    });
    expect(where("rediss+sentinel://u:p@a,b:2/main/4?sentinelUsername=s&sentinelPassword=t")).toEqual({
      kind: "sentinel",
      nodes: ["a:26379", "b:2"],
      tls: {},
      username: "u",
      password: "p",
      database: 4,
      sentinel: { name: "main", tls: {}, username: "s", password: "t" },
    });
  });

  test("what is none is refused, without telling its password", async () => {
    for (const url of [
      "http://u:hunter2@h",
      "redis://",
      "redis://u:hunter2@a,b",
      "redis://u:hunter2@h:99999",
      "redis://u:hunter2@h/x",
      "redis://u:hunter2@h/1/2",
      "redis://u:hunter2%@h",
      "redis://u:hunter2@h?tls=no",
      "redis+sentinel://u:hunter2@h",
      "redis+sentinel://u:hunter2@h//1",
      "redis+cluster://u:hunter2@h/1",
    ]) {
      const opening = RedisStore.open({ url });
      await expect(opening).rejects.toMatchObject({ code: "INVALID_PARAMS" });
      expect(await opening.catch((error: Error) => error.message)).not.toContain("hunter2");
    }
    const nodes = [{ host: "h" }];
    for (const options of [
      {},
      { url: "redis://h", cluster: { nodes } },
      { cluster: { nodes: [] } },
      { cluster: { nodes }, database: 1 },
      { sentinel: { nodes, name: "" } },
      { url: "redis://h", waitReplicas: -1 },
      { url: "redis://h", maxWaitingCommands: 0 },
    ]) {
      await expect(RedisStore.open(options)).rejects.toMatchObject({ code: "INVALID_PARAMS" });
    }
  });

  test("is shown without passwords", () => {
    expect(maskRedisUrl("redis://h:1/2")).toBe("redis://h:1/2");
    expect(maskRedisUrl("redis://u@h")).toBe("redis://u@h");
    expect(maskRedisUrl("rediss://u:p:q@h")).toBe("rediss://u:***@h");
    expect(maskRedisUrl("redis+cluster://:p@a:1,b")).toBe("redis+cluster://:***@a:1,b");
    expect(maskRedisUrl("redis+sentinel://u:p@a,b:2/main/4?sentinelPassword=t")).toBe(
      "redis+sentinel://u:***@a,b:2/main/4",
    );
    expect(maskRedisUrl("not:p@an address")).not.toContain("p@");
  });
});
