import assert from "node:assert/strict";
import { encodeUtf8 } from "@aspen/plugin-api/abi";
import type { BlobStore } from "../../blobs/blob-store.js";
import { blobHash } from "../../blobs/hash.js";
import { CHUNK_BYTES } from "../../blobs/layout.js";
import { collect, sample, stream } from "../blob-samples.js";
import type { ConformanceCase } from "../conformance-case.js";
import { rejectsWith } from "../rejects-with.js";

const MISSING = "0".repeat(64);
const LIMIT = 64 * CHUNK_BYTES;

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
  {
    name: "blobs are listed in the order of their hashes, from any of them on, while others are deleted",
    async run({ blobs }, ns) {
      const hashes: string[] = [];
      for (let i = 0; i < 40; i++) hashes.push(await blobs.put(encodeUtf8(`${ns}${i}`)));
      hashes.sort();
      const listed = async (after?: string, visit = async (_hash: string) => {}) => {
        const found: string[] = [];
        for await (const { hash } of blobs.list(after === undefined ? {} : { after })) {
          if (hashes.includes(hash)) found.push(hash);
          await visit(hash);
        }
        return found;
      };
      assert.deepEqual(await listed(), hashes);
      assert.deepEqual(await listed(hashes[12]), hashes.slice(13));
      assert.deepEqual(await listed("f".repeat(64)), []);
      // Each one deletes the one after the next.
      const doomed = hashes.filter((_, i) => i % 2 === 1);
      let next = 0;
      const seen = await listed(undefined, async (hash) => {
        if (hashes.indexOf(hash) === 2 * next) await blobs.delete(doomed[next++]!);
      });
      for (const hash of hashes.filter((_, i) => i % 2 === 0)) assert.ok(seen.includes(hash));
      assert.deepEqual(
        await listed(),
        hashes.filter((_, i) => i % 2 === 0),
      );
      await rejectsWith("BLOB_HASH_INVALID", listed("nope"));
    },
  },
  {
    name: "bad ranges, limits and bytes are refused with a code",
    async run({ blobs }, ns) {
      const hash = await blobs.put(sample(ns, 100));
      for (const range of [
        { start: 101 },
        { start: 0.5 },
        { end: -1 },
        { end: Number.NaN },
        { start: Number.POSITIVE_INFINITY },
        { start: "1" as unknown as number },
      ]) {
        await rejectsWith("INVALID_PARAMS", blobs.get(hash, range));
      }
      assert.equal((await collect(await blobs.get(hash, { start: 90, end: 1000 }))).length, 10);
      await rejectsWith("INVALID_PARAMS", blobs.read(hash, -1));
      async function* texts() {
        yield "a text" as unknown as Uint8Array;
      }
      await rejectsWith("INVALID_PARAMS", blobs.put(texts()));
    },
  },
  {
    name: "a put ends when its signal aborts, also while its source hangs, and leaves nothing",
    async run({ blobs }, ns) {
      const data = sample(`${ns}aborted`, 2 * CHUNK_BYTES);
      const controller = new AbortController();
      async function* hanging() {
        yield data;
        setTimeout(() => controller.abort(new Error("enough")), 10);
        await new Promise(() => {});
      }
      await assert.rejects(blobs.put(hanging(), { signal: controller.signal }), /enough/);
      await assert.rejects(blobs.put(data, { signal: controller.signal }), /enough/);
      assert.equal(await blobs.has(blobHash(data)), false);
    },
  },
  {
    name: "what the source does with its bytes after it gave them away changes nothing",
    async run({ blobs }, ns) {
      const piece = sample(ns, CHUNK_BYTES);
      const expected = Buffer.concat([piece, piece.map((byte) => byte ^ 255), piece]);
      async function* reused() {
        for (let i = 0; i < 3; i++) {
          yield piece;
          for (let at = 0; at < piece.length; at++) piece[at]! ^= 255;
        }
      }
      const hash = await blobs.put(reused());
      assert.equal(hash, blobHash(expected));
      assert.deepEqual(await blobs.read(hash, LIMIT), new Uint8Array(expected));
    },
  },
  {
    name: "a blob that is deleted while it is read ends the reading or is read to its end, also when it is put anew",
    async run({ blobs }, ns) {
      const data = sample(`${ns}read`, 12 * CHUNK_BYTES + 5);
      for (const again of [false, true]) {
        const hash = await blobs.put(data);
        const pieces: Uint8Array[] = [];
        const reading = (async () => {
          for await (const piece of await blobs.get(hash)) {
            pieces.push(piece);
            if (pieces.length !== 2) continue;
            await blobs.delete(hash);
            if (again) await blobs.put(data);
          }
        })();
        await reading.catch((error: { code?: string }) => {
          if (again || error.code !== "BLOB_NOT_FOUND") throw error;
        });
        const read = Buffer.concat(pieces);
        assert.deepEqual(new Uint8Array(read), data.subarray(0, again ? data.length : read.length));
      }
    },
  },
  {
    name: "the same bytes put and deleted by several at once are whole or not there",
    async run({ blobs }, ns) {
      const data = sample(`${ns}contended`, 3 * CHUNK_BYTES);
      const hash = blobHash(data);
      const work = async (seed: number) => {
        for (let i = 0; i < 10; i++) {
          if ((seed + i) % 3 === 0) await blobs.delete(hash);
          else await blobs.put((seed + i) % 2 ? data : stream(data, CHUNK_BYTES / 2 + 1));
          const bytes = await blobs.read(hash, LIMIT).catch((error: { code?: string }) => {
            if (error.code !== "BLOB_NOT_FOUND") throw error;
          });
          if (bytes) assert.equal(blobHash(bytes), hash);
        }
      };
      await Promise.all([0, 1, 2, 3].map(work));
      await blobs.put(data);
      assert.deepEqual(await blobs.read(hash, LIMIT), data);
    },
  },
  {
    name: "a closed store refuses",
    async run(store, ns) {
      const hash = await store.blobs.put(sample(ns, 10));
      await store[Symbol.asyncDispose]();
      await rejectsWith("STORE_UNAVAILABLE", store.blobs.stat(hash));
      await rejectsWith("STORE_UNAVAILABLE", store.blobs.put(sample(ns, 11)));
      await rejectsWith("STORE_UNAVAILABLE", store.blobs.addReference(hash, "a"));
      await rejectsWith("STORE_UNAVAILABLE", store.blobs.collectGarbage());
    },
  },
];
