import assert from "node:assert/strict";
import { encodeUtf8 } from "@aspen/plugin-api/abi";
import type { BlobStore } from "../blob-store.js";
import { blobHash } from "../blobs/hash.js";
import { CHUNK_BYTES } from "../blobs/layout.js";
import { rejectsWith } from "./rejects-with.js";
import type { ConformanceCase } from "./test-store.js";

const MISSING = "0".repeat(64);
const LIMIT = 64 * CHUNK_BYTES;

/** Bytes that are the same for the same arguments and differ between namespaces. */
function sample(namespace: string, length: number): Uint8Array {
  const seed = encodeUtf8(namespace);
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) + seed[index % seed.length]!) & 255);
}

async function collect(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return new Uint8Array(Buffer.concat(all));
}

async function* stream(data: Uint8Array, partBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += partBytes) yield data.subarray(at, at + partBytes);
}

async function has(blobs: BlobStore, hash: string): Promise<boolean> {
  for await (const stat of blobs.list()) if (stat.hash === hash) return true;
  return false;
}

export const blobStoreCases: readonly ConformanceCase[] = [
  {
    name: "what is put is read under its BLAKE3 hash, whatever its size",
    async run({ blobs }, ns) {
      for (const size of [0, 1, 1000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 123]) {
        const data = sample(ns, size);
        const hash = await blobs.put(data);
        assert.equal(hash, blobHash(data));
        assert.deepEqual(await blobs.read(hash, LIMIT), data);
        assert.deepEqual(await collect(await blobs.get(hash)), data);
        const { createdAt, lastPutAt, ...stat } = (await blobs.stat(hash))!;
        assert.deepEqual(stat, { hash, size });
        assert.ok(createdAt > 0 && lastPutAt >= createdAt);
        assert.equal(await blobs.has(hash), true);
        await blobs.delete(hash);
      }
    },
  },
  {
    name: "the hash is BLAKE3's of the empty and of a known text",
    async run({ blobs }) {
      const empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
      const hello = "ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f";
      assert.equal(await blobs.put(new Uint8Array(0)), empty);
      assert.equal(await blobs.put(encodeUtf8("hello")), hello);
    },
  },
  {
    name: "a stream of parts of any size gives the same blob",
    async run({ blobs }, ns) {
      const data = sample(ns, 2 * CHUNK_BYTES + 77);
      for (const partBytes of [997 * 64, CHUNK_BYTES, 3 * CHUNK_BYTES]) {
        assert.equal(await blobs.put(stream(data, partBytes)), blobHash(data));
      }
      assert.deepEqual(await blobs.read(blobHash(data), LIMIT), data);
    },
  },
  {
    name: "a stream that fails leaves nothing",
    async run({ blobs }, ns) {
      const data = sample(`${ns}failing`, 2 * CHUNK_BYTES);
      async function* failing() {
        yield data;
        throw new Error("the source broke");
      }
      await assert.rejects(blobs.put(failing()), /the source broke/);
      assert.equal(await has(blobs, blobHash(data)), false);
    },
  },
  {
    name: "a range is read, and one outside refused",
    async run({ blobs }, ns) {
      const data = sample(ns, 2 * CHUNK_BYTES + 500);
      const hash = await blobs.put(data);
      for (const [start, end] of [
        [0, 1],
        [10, 10],
        [CHUNK_BYTES - 5, CHUNK_BYTES + 5],
        [2 * CHUNK_BYTES, data.length],
      ] as const) {
        assert.deepEqual(await collect(await blobs.get(hash, { start, end })), data.slice(start, end));
      }
      await rejectsWith("INVALID_PARAMS", blobs.get(hash, { start: 5, end: 4 }));
      await rejectsWith("INVALID_PARAMS", blobs.get(hash, { start: -1 }));
    },
  },
  {
    name: "a blob that is not there is not found",
    async run({ blobs }) {
      assert.equal(await blobs.has(MISSING), false);
      assert.equal(await blobs.stat(MISSING), null);
      assert.equal(await blobs.delete(MISSING), false);
      await rejectsWith("BLOB_NOT_FOUND", blobs.read(MISSING, LIMIT));
      await rejectsWith("BLOB_NOT_FOUND", blobs.get(MISSING));
    },
  },
  {
    name: "a text that is no hash is refused",
    async run({ blobs }) {
      for (const hash of ["", "abc", MISSING.toUpperCase().replace("0", "A"), `${MISSING}0`, "../../../etc/passwd"]) {
        await rejectsWith("BLOB_HASH_INVALID", blobs.read(hash, LIMIT));
        await rejectsWith("BLOB_HASH_INVALID", blobs.has(hash));
        await rejectsWith("BLOB_HASH_INVALID", blobs.delete(hash));
      }
    },
  },
  {
    name: "read refuses a blob over the limit given",
    async run({ blobs }, ns) {
      const hash = await blobs.put(sample(ns, 100));
      await rejectsWith("PAYLOAD_TOO_LARGE", blobs.read(hash, 99));
      assert.equal((await blobs.read(hash, 100)).length, 100);
    },
  },
  {
    name: "blobs are listed once however often they are put, and no more after their deletion",
    async run({ blobs }, ns) {
      const data = sample(ns, 300);
      const [hash] = await Promise.all([blobs.put(data), blobs.put(data), blobs.put(stream(data, 7))]);
      const listed: string[] = [];
      for await (const stat of blobs.list()) if (stat.hash === hash) listed.push(stat.hash);
      assert.deepEqual(listed, [hash]);
      assert.equal(await blobs.delete(hash), true);
      assert.equal(await has(blobs, hash), false);
      await rejectsWith("BLOB_NOT_FOUND", blobs.read(hash, LIMIT));
    },
  },
];
