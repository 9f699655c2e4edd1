import { setTimeout as delay } from "node:timers/promises";
import { encodeUtf8 } from "@aspen/plugin-api";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { CHUNK_BYTES, type ChunkStore } from "../src/driver-kit.js";
import { RedisStore } from "../src/drivers/redis/index.js";
import { blobHash, MIN_GRACE_MS } from "../src/index.js";
import { RedisCluster, RedisServer } from "../src/testing/index.js";

let server: RedisServer;
let admin: Redis;
beforeAll(async () => {
  server = await RedisServer.start();
  admin = new Redis(server.url, { replyMapping: "legacy" });
});
afterAll(async () => {
  admin.disconnect();
  await server[Symbol.asyncDispose]();
});

const LIMIT = 100 * CHUNK_BYTES;
const GRACE = { graceMs: MIN_GRACE_MS };

/** Chunks that come when they are asked for. */
async function* chunks(count: number, between: (index: number) => Promise<unknown>): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) {
    yield new Uint8Array(CHUNK_BYTES).fill(index + 1);
    await between(index);
  }
}

/** Ends the leases of all uploads, as time does when their processes hang. */
async function endLeases(): Promise<number> {
  let ended = 0;
  for (const key of await admin.keys("aspen:blob:*:l")) {
    for (const upload of await admin.zrange(key, "0", "-1"))
      ended += Number(await admin.call("ZADD", key, "XX", "CH", "1", upload));
  }
  return ended;
}

test("an upload that takes longer than its lease renews it", async () => {
  await using slow = await RedisStore.open({ url: server.url, uploadLeaseMs: 600 });
  await using other = await RedisStore.open({ url: server.url });
  let leftovers = 0;
  const hash = await slow.blobs.put(
    chunks(4, async () => {
      await delay(500);
      leftovers += (await other.blobs.collectGarbage(GRACE)).leftovers;
    }),
    { reference: "a" },
  );
  expect(leftovers).toBe(0);
  expect((await other.blobs.read(hash, LIMIT)).length).toBe(4 * CHUNK_BYTES);
});

test("an upload whose process hung is given up, and can not become a blob any more", async () => {
  await using hung = await RedisStore.open({ url: server.url });
  await using other = await RedisStore.open({ url: server.url });
  const parts = async () => (await admin.keys("aspen:blob:p:*")).length;
  const before = await parts();
  const put = hung.blobs.put(
    chunks(3, async (index) => {
      if (index !== 2) return;
      expect(await endLeases()).toBe(1);
      expect((await other.blobs.collectGarbage({ ...GRACE, dryRun: true })).leftovers).toBe(1);
      expect(await parts()).toBeGreaterThan(before);
      expect((await other.blobs.collectGarbage(GRACE)).leftovers).toBe(1);
    }),
  );
  await expect(put).rejects.toMatchObject({
    code: "STORE_UNAVAILABLE",
    message: expect.stringContaining("gave up the upload"),
  });
  expect(await parts()).toBe(before);
  // Nothing of it stays in the way.
  const hash = await hung.blobs.put(chunks(3, async () => {}));
  expect((await other.blobs.read(hash, LIMIT)).length).toBe(3 * CHUNK_BYTES);
});

test("a commit that comes after its upload was given up is refused", async () => {
  await using store = await RedisStore.open({ url: server.url });
  const { chunks } = store.blobs as unknown as { chunks: ChunkStore };
  const data = encodeUtf8("committed late");
  const hash = blobHash(data);
  const content = {
    size: data.length,
    chunkBytes: CHUNK_BYTES,
    hashesPerPage: 1024,
    parts: 1,
    pages: new Uint8Array(0),
  };
  // Its hash is known from the beginning, so that nothing comes between this collection and the commit.
  const late = await chunks.upload(hash);
  await late.write({ index: 0, offset: 0, length: data.length }, data);
  expect(await endLeases()).toBe(1);
  expect((await store.blobs.collectGarbage(GRACE)).leftovers).toBe(1);
  await expect(late.commit(hash, content, { reference: "a" })).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  await late.abort();
  expect(await store.blobs.has(hash)).toBe(false);
  // One that was committed in time is a blob, and stays one although its process did not come to tidy up.
  const intime = await chunks.upload(hash);
  await intime.write({ index: 0, offset: 0, length: data.length }, data);
  const script = await admin.keys("aspen:blob:*:l");
  const leases = await Promise.all(script.map(async (key) => [key, await admin.zrange(key, "0", "-1")] as const));
  const entries = await admin.hgetall(leases[0]![0].replace(/l$/, "u"));
  await intime.commit(hash, content, { reference: "a" });
  await admin.zadd(leases[0]![0], "1", leases[0]![1][0]!);
  await admin.hset(leases[0]![0].replace(/l$/, "u"), entries);
  expect((await store.blobs.collectGarbage({ ...GRACE, dryRun: true })).leftovers).toBe(0);
  expect((await store.blobs.collectGarbage(GRACE)).leftovers).toBe(0);
  expect(await store.blobs.read(hash, 100)).toEqual(data);
  expect(await admin.keys("aspen:blob:*:[lu]")).toEqual([]);
});

test("a lease that is no time is refused", async () => {
  for (const uploadLeaseMs of [0, Number.NaN, 1e12]) {
    await expect(RedisStore.open({ url: server.url, uploadLeaseMs })).rejects.toMatchObject({ code: "INVALID_PARAMS" });
  }
});

test("a deletion that was cut short is finished", async () => {
  await using store = await RedisStore.open({ url: server.url });
  const hash = await store.blobs.put(
    chunks(3, async () => {}),
    { reference: "a" },
  );
  const base = `aspen:blob:{${hash.slice(0, 2)}}`;
  const [upload, parts] = await admin.hmget(`${base}:r:${hash}`, "u", "n");
  // What blob-delete.lua does; its caller is killed before it removes the parts.
  await admin.hset(`${base}:d`, upload!, parts!);
  await admin.del(`${base}:r:${hash}`, `${base}:t:${hash}`);
  await admin.zrem(`${base}:i`, hash);
  expect(await admin.keys(`aspen:blob:p:${upload}:*`)).toHaveLength(4);
  expect(await store.blobs.collectGarbage(GRACE)).toMatchObject({ leftovers: 1 });
  expect(await admin.keys(`aspen:blob:p:${upload}:*`)).toEqual([]);
  expect((await store.blobs.collectGarbage({ dryRun: true })).leftovers).toBe(0);
});

test("a server that is killed under a put and a get loses neither", async () => {
  await using own = await RedisServer.start();
  await using store = await RedisStore.open({ url: own.url, commandTimeoutMs: 10_000 });
  const restart = async () => {
    await own.stop();
    await own.start();
  };
  const hash = await store.blobs.put(chunks(8, async (index) => (index === 4 ? restart() : undefined)));
  const pieces: Uint8Array[] = [];
  for await (const piece of await store.blobs.get(hash)) {
    pieces.push(piece);
    if (pieces.length === 3) await restart();
  }
  expect(blobHash(Buffer.concat(pieces))).toBe(hash);
});

// That every step stays within one slot is what the suite shows on a cluster: redis-cluster.test.ts.
test("chunks spread over a cluster", async () => {
  await using own = await RedisCluster.start();
  await using store = await RedisStore.open({ url: own.url });
  await store.blobs.put(chunks(24, async () => {}));
  const counts = await Promise.all(
    own.primaries.map(async ({ url }) => {
      const node = new Redis(url);
      return (await node.keys("aspen:blob:p:*").finally(() => node.disconnect())).length;
    }),
  );
  expect(counts.every((count) => count > 0)).toBe(true);
});
