import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeUtf8, encodeUtf8, writeU64 } from "@aspen/plugin-api/abi";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { type Database, open } from "lmdb";
import { EmbeddedStore } from "../src/drivers/embedded/index.js";
import { encodeRow } from "../src/drivers/embedded/lmdb/rows.js";
import { RedisStore } from "../src/drivers/redis/index.js";
import type { Store } from "../src/index.js";
import { type VerifyOptions, verifyStore } from "../src/maintenance/index.js";
import { RedisServer } from "../src/testing/index.js";

let directory: string;
let server: RedisServer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-verify-"));
  server = await RedisServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** Findings as `kind subject` in order; those that were mended with a `+`. */
async function findings(store: Store, options: VerifyOptions = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const { kind, subject, repaired } of verifyStore(store, options)) {
    found.push(`${repaired ? "+" : ""}${kind} ${subject}`);
  }
  return found.sort();
}

const plus = (all: readonly string[]) => all.map((each) => `+${each}`);

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  writeU64(bytes, value);
  return bytes;
}

async function text(store: Store, key: string): Promise<string | null> {
  const entry = await store.kv.get(key);
  return entry && decodeUtf8(entry.value);
}

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  return (await store.kv.scan({ prefix })).entries.map(({ key }) => key);
}

describe("redis", () => {
  /** A store of its own, with keys of one namespace, and a raw client. */
  async function fresh() {
    const prefix = `p${randomUUID()}`;
    const store = await RedisStore.open({ url: server.url, keyPrefix: prefix });
    const raw = new Redis(server.url);
    for (const key of ["a:1", "a:2", "a:3"]) await store.kv.put(key, encodeUtf8(key));
    return {
      store,
      raw,
      base: `${prefix}:{a%3A}`,
      prefix,
      async [Symbol.asyncDispose]() {
        raw.disconnect();
        await store[Symbol.asyncDispose]();
      },
    };
  }

  test("a store that is well has no finding, and expired keys are none", async () => {
    await using it = await fresh();
    // Watched, and never written to.
    for await (const event of it.store.kv.watch("watched:")) if (event.type === "synced") break;
    await it.store.kv.put("a:gone", encodeUtf8("1"), { ttlMs: 5 });
    await new Promise((resolve) => setTimeout(resolve, 30));
    await it.store.kv.put("a:later", encodeUtf8("1"), { ttlMs: 60_000 });
    expect(await findings(it.store)).toEqual([]);
    expect(await findings(it.store, { repair: true, removeDamaged: true })).toEqual([]);
  });

  test("rows without an index entry and index entries without rows", async () => {
    await using it = await fresh();
    await it.raw.zrem(`${it.base}:i`, "a:2");
    await it.raw.zadd(`${it.base}:i`, 0, "a:0");
    await it.raw.del(`${it.base}:r:a:3`);
    const found = ["index-dangling a:0", "index-dangling a:3", "index-missing a:2"];
    expect(await findings(it.store)).toEqual(found);
    expect(await findings(it.store)).toEqual(found);
    const seen: string[] = [];
    const watching = (async () => {
      for await (const event of it.store.kv.watch("a:")) {
        if (event.type === "delete") seen.push(event.key);
        else if (event.type === "put") return;
      }
    })();
    while (Number(await it.raw.exists(`${it.base}:w`)) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await findings(it.store, { repair: true })).toEqual(plus(found));
    expect(await findings(it.store)).toEqual([]);
    expect(await keysOf(it.store, "a:")).toEqual(["a:1", "a:2"]);
    await it.store.kv.put("a:end", encodeUtf8("1"));
    await watching;
    // What is gone is told as gone to those who watch.
    expect(seen.sort()).toEqual(["a:0", "a:3"]);
  });

  test("an index of another type is made anew", async () => {
    await using it = await fresh();
    await it.raw.del(`${it.base}:i`);
    await it.raw.set(`${it.base}:i`, "text");
    await expect(it.store.kv.put("a:4", encodeUtf8("1"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(await findings(it.store)).toEqual(["index-unusable a:"]);
    const mended = await findings(it.store, { repair: true });
    expect(mended.filter((each) => each !== "+index-missing a:4")).toEqual(
      plus(["index-missing a:1", "index-missing a:2", "index-missing a:3", "index-unusable a:"]),
    );
    expect(await findings(it.store)).toEqual([]);
    expect((await keysOf(it.store, "a:")).slice(0, 3)).toEqual(["a:1", "a:2", "a:3"]);
  });

  test("a version lower than that of a row, and one that is no number", async () => {
    await using it = await fresh();
    await it.raw.set(`${it.base}:v`, "1");
    expect(await findings(it.store)).toEqual(["version-low a:"]);
    expect(await findings(it.store, { repair: true })).toEqual(["+version-low a:"]);
    expect(await findings(it.store)).toEqual([]);
    expect(await it.store.kv.put("a:1", encodeUtf8("x"))).toBeGreaterThan(1_000_000);
    await it.raw.set(`${it.base}:v`, "nonsense");
    await expect(it.store.kv.put("a:1", encodeUtf8("y"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(await findings(it.store)).toEqual(["version-undecodable a:"]);
    expect(await findings(it.store, { repair: true })).toEqual(["+version-undecodable a:"]);
    expect(await findings(it.store)).toEqual([]);
    expect(await it.store.kv.put("a:1", encodeUtf8("z"))).toBeGreaterThan(2_000_000);
    await it.raw.del(`${it.base}:v`);
    expect(await findings(it.store, { repair: true })).toEqual(["+version-low a:"]);
  });

  test("expiries that are missing, wrong or left over", async () => {
    await using it = await fresh();
    for (const key of ["a:t", "a:u", "a:v"]) await it.store.kv.put(key, encodeUtf8("1"), { ttlMs: 60_000 });
    await it.raw.zrem(`${it.base}:e`, "a:t");
    await it.raw.zadd(`${it.base}:e`, Date.now() + 3_600_000, "a:u");
    await it.store.kv.delete("a:v");
    await it.raw.zadd(`${it.base}:e`, Date.now() + 3_600_000, "a:v");
    await it.raw.zadd(`${it.base}:e`, Date.now() + 3_600_000, "a:1");
    const found = ["expiry-missing a:t", "expiry-missing a:u", "expiry-stale a:1", "expiry-stale a:v"];
    expect(await findings(it.store)).toEqual(found);
    expect(await findings(it.store, { repair: true })).toEqual(plus(found));
    expect(await findings(it.store)).toEqual([]);
    expect(await it.raw.zrange(`${it.base}:e`, "0", "-1")).toEqual(["a:t", "a:u"]);
    expect(Number(await it.raw.zscore(`${it.base}:e`, "a:t"))).toBe(await it.raw.pexpiretime(`${it.base}:r:a:t`));
  });

  test("the register of namespaces", async () => {
    await using it = await fresh();
    await it.raw.srem(`${it.prefix}:namespaces`, "a:");
    await it.raw.sadd(`${it.prefix}:namespaces`, "a:b:c", Buffer.from([0xff]), "never:");
    const found = ["namespace-invalid a:b:c", "namespace-invalid ÿ", "namespace-unregistered a:"];
    expect(await keysOf(it.store, "")).toEqual([]);
    expect(await findings(it.store)).toEqual([...found, "namespace-unused never:"]);
    expect(await findings(it.store, { repair: true })).toEqual([...plus(found), "namespace-unused never:"]);
    expect(await findings(it.store)).toEqual(["namespace-unused never:"]);
    expect(await keysOf(it.store, "")).toEqual(["a:1", "a:2", "a:3"]);
  });

  test("rows that cannot be read are removed only when that is asked for", async () => {
    await using it = await fresh();
    await it.raw.set(`${it.base}:r:a:1`, "short");
    await it.raw.set(`${it.base}:r:a:2`, Buffer.alloc(20, 0xff));
    await it.raw.del(`${it.base}:r:a:3`);
    await it.raw.sadd(`${it.base}:r:a:3`, "a set");
    await it.raw.set(`${it.base}:r:b:1`, Buffer.concat([u64(1), Buffer.from("elsewhere")]));
    await it.raw.set(Buffer.concat([Buffer.from(`${it.base}:r:a:`), Buffer.from([0xff])]), "bad");
    const found = [
      "key-invalid a:\ufffd",
      "key-invalid b:1",
      "row-undecodable a:1",
      "row-undecodable a:2",
      "row-undecodable a:3",
    ];
    expect(await findings(it.store, { repair: true })).toEqual(found);
    expect(await findings(it.store, { removeDamaged: true })).toEqual(found);
    const entries = async () => {
      for await (const _ of it.store.maintenance.entries());
    };
    await expect(entries()).rejects.toMatchObject({ code: "STORE_INCONSISTENT" });
    await it.raw.del(`${it.base}:r:a:1`, `${it.base}:r:a:2`, `${it.base}:r:a:3`);
    await it.raw.zadd(`${it.base}:i`, 0, "b:1");
    await expect(entries()).rejects.toMatchObject({ code: "STORE_INCONSISTENT" });
    await it.raw.zrem(`${it.base}:i`, "b:1");
    for (const row of ["a:1", "a:2", "a:3"]) await it.raw.set(`${it.base}:r:${row}`, "short");
    expect(await findings(it.store, { repair: true, removeDamaged: true })).toEqual(plus(found));
    expect(await findings(it.store)).toEqual([]);
    expect((await it.raw.keys(`${it.prefix}:*`)).filter((key) => key.includes(":r:"))).toEqual([]);
  });

  test("a corrupt blob is removed only when that is asked for; putting it again heals it", async () => {
    await using it = await fresh();
    const data = Buffer.alloc(3_000_000, "good");
    const hash = await it.store.blobs.put(data);
    const other = await it.store.blobs.put(encodeUtf8("other"));
    const big = (await it.raw.keys(`${it.prefix}:blob:p:*`)).sort();
    for (const chunk of big) if ((await it.raw.strlen(chunk)) > 1000) await it.raw.setrange(chunk, 500, "bad");
    expect(await findings(it.store, { repair: true })).toEqual([`blob-corrupt ${hash}`]);
    expect(await findings(it.store, { repair: true, removeDamaged: true })).toEqual([`+blob-corrupt ${hash}`]);
    expect(await findings(it.store)).toEqual([]);
    expect(await it.store.blobs.has(other)).toBe(true);
    expect(await it.store.blobs.put(data)).toBe(hash);
    expect(await findings(it.store)).toEqual([]);
  });

  test("blobs that are put and deleted meanwhile are no findings", async () => {
    await using it = await fresh();
    const data = Array.from({ length: 6 }, (_, i) => Buffer.alloc(2_200_000, `blob ${i}`));
    let writing = true;
    const writers = data.map(async (bytes) => {
      while (writing) {
        const hash = await it.store.blobs.put(bytes);
        await new Promise((resolve) => setTimeout(resolve, 5));
        await it.store.blobs.delete(hash);
      }
    });
    for (let round = 0; round < 6; round++) expect(await findings(it.store)).toEqual([]);
    writing = false;
    await Promise.all(writers);
  });

  test("a user with no more rights than a node needs may do it", async () => {
    const rules =
      "on >secret ~aspen:* &aspen:* +@read +@write +@scripting +publish +subscribe +ping +info +time -@admin";
    await using own = await RedisServer.start(["--user", "node", ...rules.split(" "), "--user", "default", "off"]);
    await using store = await RedisStore.open({ url: own.url.replace("redis://", "redis://node:secret@") });
    await store.kv.put("a:1", encodeUtf8("1"), { ttlMs: 60_000 });
    await store.maintenance.restore([{ key: "b:1", value: encodeUtf8("1"), expiresAt: 0 }]);
    await store.maintenance.raiseVersion("b:", 100);
    expect(await findings(store, { repair: true })).toEqual([]);
    expect(await store.maintenance.stats()).toMatchObject({ keys: 2, namespaces: 2 });
  });

  test("one store's damage is not another's", async () => {
    await using one = await fresh();
    await using other = await fresh();
    await other.raw.zrem(`${other.base}:i`, "a:2");
    expect(await findings(one.store)).toEqual([]);
    expect(await findings(other.store)).toEqual(["index-missing a:2"]);
  });

  test("more keys than a page", async () => {
    await using it = await fresh();
    const keys = Array.from({ length: 1700 }, (_, i) => `a:m${String(i).padStart(5, "0")}`);
    await Promise.all(keys.map((key) => it.store.kv.put(key, encodeUtf8("1"))));
    await it.raw.zrem(`${it.base}:i`, ...keys.filter((_, i) => i % 2 === 0));
    const mended = await findings(it.store, { repair: true });
    expect(mended).toEqual(keys.filter((_, i) => i % 2 === 0).map((key) => `+index-missing ${key}`));
    expect(await findings(it.store)).toEqual([]);
    expect(await keysOf(it.store, "a:m00")).toHaveLength(1000);
  });
});

describe("embedded", () => {
  type Raw = Record<"rows" | "versions" | "changes" | "expiries", Database<Buffer, Buffer>>;

  /** A store with some keys, whose databases `damage` was let at while nobody had it open. */
  async function damaged(damage: (raw: Raw) => void, before?: (store: Store) => Promise<void>): Promise<EmbeddedStore> {
    const path = join(directory, randomUUID());
    {
      await using store = await EmbeddedStore.open({ directory: path });
      for (const key of ["a:1", "a:2", "a:3"]) await store.kv.put(key, encodeUtf8(key));
      await before?.(store);
    }
    const root = open({ path: join(path, "kv"), maxDbs: 8, eventTurnBatching: false });
    const binary = { keyEncoding: "binary", encoding: "binary" } as const;
    const raw = Object.fromEntries(
      ["rows", "versions", "changes", "expiries"].map((name) => [name, root.openDB({ name, ...binary })]),
    ) as Raw;
    root.transactionSync(() => damage(raw));
    await root.close();
    return EmbeddedStore.open({ directory: path });
  }

  const key = (name: string) => Buffer.from(name);

  test("a store that is well has no finding", async () => {
    await using store = await damaged(
      () => undefined,
      async ({ kv }) => {
        await kv.put("a:t", encodeUtf8("1"), { ttlMs: 60_000 });
        for await (const event of kv.watch("a:")) if (event.type === "synced") break;
        await kv.put("a:4", encodeUtf8("1"));
      },
    );
    expect(await findings(store)).toEqual([]);
    expect(await findings(store, { repair: true, removeDamaged: true })).toEqual([]);
  });

  test("versions", async () => {
    await using store = await damaged(({ versions, rows }) => {
      versions.putSync(key("a:"), u64(1));
      versions.putSync(key("b:"), key("bad"));
      rows.putSync(key("b:1"), encodeRow({ version: 5, expiresAt: 0, value: key("b") }));
      versions.putSync(key("c:d:"), u64(1));
      versions.putSync(Buffer.from([0xff]), u64(1));
    });
    const found = ["namespace-invalid c:d:", "namespace-invalid \ufffd", "version-low a:", "version-undecodable b:"];
    expect(await findings(store)).toEqual(found);
    expect(await findings(store, { repair: true })).toEqual(plus(found));
    expect(await findings(store)).toEqual([]);
    expect(await store.kv.put("a:1", encodeUtf8("x"))).toBe(1_000_003);
    expect(await store.kv.put("b:1", encodeUtf8("x"))).toBe(1_000_006);
  });

  test("rows that cannot be read are removed only when that is asked for", async () => {
    await using store = await damaged(({ rows }) => {
      rows.putSync(key("a:1"), key("short"));
      rows.putSync(key("a:2"), Buffer.alloc(20, 0xff));
      rows.putSync(Buffer.from([0x61, 0x3a, 0xff]), Buffer.concat([u64(1), u64(0)]));
    });
    const found = ["key-invalid a:\ufffd", "row-undecodable a:1", "row-undecodable a:2"];
    expect(await findings(store, { repair: true })).toEqual(found);
    const entries = async () => {
      for await (const _ of store.maintenance.entries());
    };
    await expect(entries()).rejects.toMatchObject({ code: "STORE_INCONSISTENT" });
    expect(await findings(store, { repair: true, removeDamaged: true })).toEqual(plus(found));
    expect(await findings(store)).toEqual([]);
    expect(await keysOf(store, "a:")).toEqual(["a:3"]);
  });

  test("expiries", async () => {
    const far = Date.now() + 3_600_000;
    const at = (time: number, name: string) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64BE(BigInt(time));
      return Buffer.concat([bytes, key(name)]);
    };
    await using store = await damaged(({ rows, expiries }) => {
      rows.putSync(key("a:t"), encodeRow({ version: 2, expiresAt: far, value: key("t") }));
      expiries.putSync(at(far, "a:1"), Buffer.alloc(0));
      expiries.putSync(at(far, "a:none"), Buffer.alloc(0));
      expiries.putSync(Buffer.alloc(9, 0xff), Buffer.alloc(0));
    });
    const found = [
      "expiry-missing a:t",
      `expiry-undecodable ${"ff".repeat(9)}`,
      "expiry-stale a:1",
      "expiry-stale a:none",
    ];
    expect(await findings(store)).toEqual([...found].sort());
    expect(await findings(store, { repair: true })).toEqual(plus([...found].sort()));
    expect(await findings(store)).toEqual([]);
    expect(await text(store, "a:t")).toBe("t");
  });

  test("what cannot be read does not keep other entries from expiring", async () => {
    const due = Buffer.alloc(8);
    due[7] = 1;
    await using store = await damaged(({ rows, expiries }) => {
      rows.putSync(key("a:1"), key("short"));
      expiries.putSync(Buffer.concat([due, key("a:1")]), Buffer.alloc(0));
      expiries.putSync(Buffer.from([0]), Buffer.alloc(0));
    });
    const controller = new AbortController();
    const late = setTimeout(() => controller.abort(), 20_000);
    const seen: string[] = [];
    const watching = store.kv.watch("b:", { signal: controller.signal });
    for await (const event of watching) {
      if (event.type === "synced") await store.kv.put("b:t", encodeUtf8("1"), { ttlMs: 50 });
      if (event.type !== "delete") continue;
      seen.push(event.key);
      controller.abort();
    }
    clearTimeout(late);
    expect(seen).toEqual(["b:t"]);
    expect(await findings(store)).toEqual(["row-undecodable a:1"]);
  });

  test("kept changes", async () => {
    const watched = async ({ kv }: Store) => {
      for (const namespace of ["a:", "b:", "c:"]) {
        for await (const event of kv.watch(namespace)) if (event.type === "synced") break;
        for (let i = 0; i < 3; i++) await kv.put(`${namespace}${i}`, encodeUtf8("1"));
      }
    };
    const head = (namespace: string) => Buffer.concat([Buffer.from([0, namespace.length]), key(namespace)]);
    await using store = await damaged(({ changes }) => {
      const all = [...changes.getKeys()].map((each) => Buffer.from(each as Buffer));
      changes.putSync(all.find((each) => each.length > 8 && each.subarray(0, 4).equals(head("a:")))!, key("x"));
      changes.putSync(head("b:"), key("short"));
      changes.putSync(Buffer.from([7]), key("unknown"));
    }, watched);
    const found = ["changes-damaged", "changes-damaged a:", "changes-damaged b:"].map((each) =>
      each.includes(" ") ? each : `${each} `,
    );
    expect(await findings(store)).toEqual(found);
    expect(await findings(store, { repair: true })).toEqual(plus(found));
    expect(await findings(store)).toEqual([]);
    const since = async (namespace: string, version: number) => {
      const controller = new AbortController();
      for await (const event of store.kv.watch(namespace, { since: version, signal: controller.signal })) {
        controller.abort();
        return event.type;
      }
    };
    await expect(since("a:", 0)).rejects.toMatchObject({ code: "WATCH_COMPACTED" });
    await expect(since("b:", 0)).rejects.toMatchObject({ code: "WATCH_COMPACTED" });
    await store.kv.put("c:1", encodeUtf8("2"));
    expect(await since("c:", 3)).toBe("put");
  });

  test("a row of which a bit is flipped", async () => {
    await using store = await damaged(({ rows }) => {
      const row = Buffer.from(rows.getBinary(key("a:1"))!);
      row[row.length - 1]! ^= 1;
      rows.putSync(key("a:1"), row);
    });
    expect(await findings(store)).toEqual(["row-undecodable a:1"]);
  });

  test("a corrupt blob", async () => {
    const path = join(directory, randomUUID());
    await using store = await EmbeddedStore.open({ directory: path });
    const hash = await store.blobs.put(encodeUtf8("the truth"));
    const folder = join(path, "blobs", hash.slice(0, 2));
    for (const name of await readdir(folder)) await writeFile(join(folder, name), "the trvth");
    expect(await findings(store, { repair: true })).toEqual([`blob-corrupt ${hash}`]);
    expect(await findings(store, { repair: true, removeDamaged: true })).toEqual([`+blob-corrupt ${hash}`]);
    expect(await store.blobs.has(hash)).toBe(false);
    expect(await store.blobs.put(encodeUtf8("the truth"))).toBe(hash);
    expect(await findings(store)).toEqual([]);
  });

  test("progress is told, and a signal ends the verification of blobs", async () => {
    await using store = await damaged(
      () => undefined,
      async ({ blobs }) => void (await blobs.put(new Uint8Array(5_000_000))),
    );
    const seen = new Map<string, number>();
    const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number | null }) => {
      expect(done).toBeLessThanOrEqual(total!);
      seen.set(phase, done);
    };
    for await (const _ of verifyStore(store, { onProgress }));
    expect([...seen]).toEqual([
      ["keys", 3],
      ["blobs", 5_000_000],
    ]);
    const controller = new AbortController();
    const stopped = (async () => {
      const options = {
        signal: controller.signal,
        onProgress: ({ phase }: { phase: string }) => phase === "blobs" && controller.abort(),
      };
      for await (const _ of verifyStore(store, options as VerifyOptions));
    })();
    await expect(stopped).rejects.toMatchObject({ code: "CANCELLED" });
  });
});
