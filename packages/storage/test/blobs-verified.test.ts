import { mkdtemp, open, readdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Redis } from "ioredis";
import { ChunkedBlobStore, type ChunkStore } from "../src/driver-kit.js";
import { EmbeddedStore } from "../src/drivers/embedded/index.js";
import { RedisStore } from "../src/drivers/redis/index.js";
import { blobHash } from "../src/index.js";
import { RedisServer } from "../src/testing/index.js";

/** Small, so that a few KiB have several pages. */
const CUT = { chunkBytes: 64, hashesPerPage: 4 };
const SIZE = 64 * 11 + 17;
/** Chunks and, after 4, 8 and 12 of them, pages of hashes. */
const PARTS = 12 + 3;

let server: RedisServer;
let admin: Redis;
let directory: string;
beforeAll(async () => {
  server = await RedisServer.start();
  admin = new Redis(server.url, { replyMapping: "legacy" });
  directory = await mkdtemp(join(tmpdir(), "aspen-verified-"));
});
afterAll(async () => {
  admin.disconnect();
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

interface Place extends AsyncDisposable {
  blobs: ChunkedBlobStore;
  /** Changes one bit of the stored bytes, parts one after the other. */
  flip(hash: string, byte: number): Promise<void>;
  /** Takes away what is stored from a byte on, or the whole part with it. */
  cut(hash: string, byte: number): Promise<void>;
}

/** The same chunks cut smaller. */
function smaller(blobs: unknown): ChunkedBlobStore {
  return new ChunkedBlobStore((blobs as { chunks: ChunkStore }).chunks, { cut: CUT });
}

async function embedded(): Promise<Place> {
  const store = await EmbeddedStore.open({ directory });
  const pathOf = async (hash: string) => {
    const folder = join(directory, "blobs", hash.slice(0, 2));
    return join(folder, (await readdir(folder)).find((name) => name.startsWith(hash))!);
  };
  return {
    blobs: smaller(store.blobs),
    async flip(hash, byte) {
      const file = await open(await pathOf(hash), "r+");
      const one = Buffer.alloc(1);
      await file.read(one, 0, 1, byte);
      one[0]! ^= 1;
      await file.write(one, 0, 1, byte);
      await file.close();
    },
    async cut(hash, byte) {
      await truncate(await pathOf(hash), byte);
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

async function redis(): Promise<Place> {
  const store = await RedisStore.open({ url: server.url });
  const partAt = async (hash: string, byte: number) => {
    const upload = await admin.hget(`aspen:blob:{${hash.slice(0, 2)}}:r:${hash}`, "u");
    let before = 0;
    for (let index = 0; ; index++) {
      const key = `aspen:blob:p:${upload}:${index}`;
      const length = await admin.strlen(key);
      if (byte < before + length) return { key, at: byte - before };
      before += length;
    }
  };
  return {
    blobs: smaller(store.blobs),
    async flip(hash, byte) {
      const { key, at } = await partAt(hash, byte);
      const bytes = (await admin.getBuffer(key))!;
      bytes[at]! ^= 1;
      await admin.set(key, bytes);
    },
    async cut(hash, byte) {
      await admin.del((await partAt(hash, byte)).key);
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

async function collect(parts: AsyncIterable<Uint8Array>, into: Uint8Array[] = []): Promise<Uint8Array> {
  for await (const part of parts) into.push(part);
  return new Uint8Array(Buffer.concat(into));
}

const bytesOf = (seed: number, size = SIZE) =>
  Uint8Array.from({ length: size }, (_, i) => (i * 7 + seed + (i >> 7)) & 255);
/** Bytes of all parts. */
const STORED = SIZE + 12 * 32;

describe.each([
  ["embedded", embedded],
  ["redis", redis],
])("%s", (_name, openPlace) => {
  test("a bit that is flipped anywhere is found, and nothing of its chunk handed out; a put repairs it", async () => {
    await using place = await openPlace();
    const { blobs } = place;
    let seed = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(STORED - 1), async (byte) => {
        seed += 1;
        const data = bytesOf(seed);
        const hash = await blobs.put(data, { reference: "kept" });
        await place.flip(hash, byte);
        const got: Uint8Array[] = [];
        await expect(collect(await blobs.get(hash), got)).rejects.toMatchObject({ code: "BLOB_CORRUPT" });
        // What came is a part of the truth.
        const prefix = Buffer.concat(got);
        expect(prefix.equals(data.subarray(0, prefix.length))).toBe(true);
        expect(prefix.length).toBeLessThan(SIZE);
        await expect(blobs.read(hash, SIZE)).rejects.toMatchObject({ code: "BLOB_CORRUPT" });
        // The reading told the store, so that the next put does not take the blob for there.
        await blobs.put(data);
        expect(await blobs.read(hash, SIZE)).toEqual(data);
        expect(await blobs.references(hash)).toEqual(["kept"]);
      }),
      { numRuns: 40, seed: 1 },
    );
    expect((await blobs.collectGarbage({ dryRun: true })).blobs).toBe(0);
  });

  test("a part that is missing or cut short is found; a put repairs it although nobody read it", async () => {
    for (const byte of [0, 63, 64, 5 * 64, STORED - 1]) {
      const data = bytesOf(1000 + byte);
      const hash = blobHash(data);
      for (const read of [true, false]) {
        {
          await using place = await openPlace();
          await place.blobs.put(data);
          await place.cut(hash, byte);
          if (read) await expect(place.blobs.read(hash, SIZE)).rejects.toMatchObject({ code: "BLOB_CORRUPT" });
        }
        // Another store object, which knows nothing of what was read.
        await using place = await openPlace();
        await place.blobs.put(data);
        expect(await place.blobs.read(hash, SIZE)).toEqual(data);
      }
    }
  });

  test("deleting and putting again repairs what no put can see", async () => {
    const data = bytesOf(5000);
    let hash: string;
    {
      await using place = await openPlace();
      hash = await place.blobs.put(data);
      await place.flip(hash, 100);
    }
    await using place = await openPlace();
    await place.blobs.put(data);
    await expect(place.blobs.read(hash, SIZE)).rejects.toMatchObject({ code: "BLOB_CORRUPT" });
    await place.blobs.delete(hash);
    await place.blobs.put(data);
    expect(await place.blobs.read(hash, SIZE)).toEqual(data);
  });

  test("any range is what it is of the whole, over pages of hashes", async () => {
    await using place = await openPlace();
    const { blobs } = place;
    await fc.assert(
      fc.asyncProperty(fc.nat(64 * 13), fc.nat(2000), fc.nat(2000), async (size, a, b) => {
        const data = bytesOf(size, size);
        const hash = await blobs.put(data);
        const [start, end] = [Math.min(a, b, size), Math.max(a, b)];
        expect(await collect(await blobs.get(hash, { start, end }))).toEqual(data.slice(start, end));
        expect(await blobs.read(hash, size)).toEqual(data);
      }),
      { numRuns: 60, seed: 2 },
    );
  });

  test("a range does not read what it does not need", async () => {
    await using place = await openPlace();
    const data = bytesOf(77);
    const hash = await place.blobs.put(data);
    // All but the chunks 5 and 6 and their page of hashes.
    for (const byte of [0, 3 * 64 + 1, 4 * 64 + 1, 4 * 64 + 4 * 32 + 1, 7 * 64 + 4 * 32 + 1, STORED - 1]) {
      await place.flip(hash, byte);
    }
    const range = { start: 5 * 64 + 3, end: 7 * 64 };
    expect(await collect(await place.blobs.get(hash, range))).toEqual(data.slice(range.start, range.end));
    await expect(collect(await place.blobs.get(hash, { start: 0, end: 1 }))).rejects.toMatchObject({
      code: "BLOB_CORRUPT",
    });
  });
});

test("a record of Redis that was changed is corrupt, and a put repairs it", async () => {
  const data = bytesOf(9000);
  const changes = [
    ["s", String(SIZE - 64)],
    ["s", "x"],
    ["k", "32"],
    ["k", "1000000000000"],
    ["h", "0"],
    ["n", String(PARTS + 1)],
    ["m", "short"],
    ["u", "none"],
  ];
  for (const [field, value] of changes as [string, string][]) {
    await using place = await redis();
    const hash = await place.blobs.put(data);
    await admin.hset(`aspen:blob:{${hash.slice(0, 2)}}:r:${hash}`, field, value);
    const whole = place.blobs.get(hash).then((parts) => collect(parts));
    await expect(whole).rejects.toMatchObject({ code: expect.stringMatching(/^(BLOB_CORRUPT|INVALID_PARAMS)$/) });
    await place.blobs.put(data);
    expect(await place.blobs.read(hash, SIZE)).toEqual(data);
  }
});
