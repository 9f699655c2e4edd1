import { decodeUtf8 } from "@aspen/plugin-api/abi";
import { type BlobHash, type BlobStat, type CollectedGarbage, MAX_REFERENCES } from "../../blobs/blob-store.js";
import type { BlobRecord, ChunkStore, ChunkUpload, PartReader } from "../../blobs/chunk-store.js";
import { inOrder } from "../../blobs/in-order.js";
import { Layout } from "../../blobs/layout.js";
import { storageErrors } from "../../errors.js";
import { BlobGarbage } from "./blobs/blob-garbage.js";
import { BlobKeys, BUCKETS } from "./blobs/blob-keys.js";
import { BlobParts, onlyUnavailable } from "./blobs/blob-parts.js";
import { RedisUpload } from "./blobs/upload.js";
import type { RedisConnection } from "./connection/redis-connection.js";

/** Records that are listed in one step. */
const PAGE = 500;
/** Buckets that are listed ahead, because most buckets of a small store are empty. */
const BUCKETS_AHEAD = 7;
/** Parts whose length is asked for at once. */
const PARTS_AHEAD = 64;

export interface RedisChunkStoreOptions {
  /** First part of every key. */
  prefix: string;
  /** Milliseconds without a renewal by its process after which an upload may be given up. */
  leaseMs: number;
}

/**
 * Keeps each part under a key of its own, `{prefix}:blob:p:{upload}:{index}`, spread over a cluster. Records, references
 * and leases lie in one slot for each first byte of the hashes, `{prefix}:blob:{byte}:…`. Lua scripts change them; see
 * `lua/blob.lua`. Parts are written before the record and removed after it; leases and notes of removals name the parts
 * that have no record.
 */
export class RedisChunkStore implements ChunkStore {
  readonly #keys: BlobKeys;
  readonly #parts: BlobParts;
  readonly #garbage: BlobGarbage;
  readonly #leaseMs: number;

  constructor(
    private readonly connection: RedisConnection,
    { prefix, leaseMs }: RedisChunkStoreOptions,
  ) {
    this.#keys = new BlobKeys(prefix);
    this.#parts = new BlobParts(connection, this.#keys);
    this.#garbage = new BlobGarbage(connection, this.#keys, this.#parts);
    this.#leaseMs = leaseMs;
  }

  async record(hash: BlobHash): Promise<BlobRecord | null> {
    const reply = await this.connection.read("HMGET", [this.#keys.record(hash), ..."uskhnmcp"]);
    const [upload, size, chunkBytes, hashesPerPage, parts, pages, createdAt, lastPutAt] = reply as (Buffer | null)[];
    if (!upload) return null;
    return {
      upload: decodeUtf8(upload),
      size: numberOf(size),
      chunkBytes: numberOf(chunkBytes),
      hashesPerPage: numberOf(hashesPerPage),
      parts: numberOf(parts),
      pages: pages ?? new Uint8Array(0),
      createdAt: numberOf(createdAt),
      lastPutAt: numberOf(lastPutAt),
    };
  }

  async open(_hash: BlobHash, { upload }: BlobRecord): Promise<PartReader> {
    return {
      read: ({ index }) => this.#parts.read(upload, index),
      close: async () => {},
    };
  }

  async isWhole(_hash: BlobHash, record: BlobRecord): Promise<boolean> {
    const parts = new Layout(record.size, record).all();
    const lengths = inOrder(parts, PARTS_AHEAD, async ({ index, length }) => {
      return (await this.#parts.length(record.upload, index)) === length;
    });
    for await (const fits of lengths) if (!fits) return false;
    return true;
  }

  async touch(hash: BlobHash, reference: string | undefined): Promise<boolean> {
    return isDone(hash, await this.connection.script("blob-touch", this.#keys.bucketOf(hash), [hash, reference ?? ""]));
  }

  upload(hash?: BlobHash): Promise<ChunkUpload> {
    const place = { connection: this.connection, keys: this.#keys, parts: this.#parts, leaseMs: this.#leaseMs };
    return RedisUpload.begin(place, hash);
  }

  async delete(hash: BlobHash): Promise<boolean> {
    const keys = this.#keys.bucketOf(hash);
    const removed = (await this.connection.script("blob-delete", keys, [hash])) as [Buffer, Buffer | null] | null;
    if (!removed) return false;
    const [upload, parts] = removed;
    const buried = this.#keys.buried(hash.slice(0, 2));
    // The blob is gone: garbage collection removes what cannot be removed now.
    await this.#garbage.removeBuried(buried, decodeUtf8(upload), Number(parts)).catch(onlyUnavailable);
    return true;
  }

  async addReference(hash: BlobHash, tag: string): Promise<boolean> {
    return isDone(hash, await this.connection.script("blob-reference", this.#keys.bucketOf(hash), [hash, tag]));
  }

  async removeReference(hash: BlobHash, tag: string): Promise<boolean> {
    return Number(await this.connection.script("blob-unreference", this.#keys.bucketOf(hash), [hash, tag])) === 1;
  }

  async references(hash: BlobHash): Promise<string[] | null> {
    const [found, tags] = await Promise.all([
      this.connection.read("EXISTS", [this.#keys.record(hash)]),
      this.connection.read("SMEMBERS", [this.#keys.tags(hash)]),
    ]);
    return Number(found) === 1 ? (tags as Buffer[]).map((tag) => decodeUtf8(tag)) : null;
  }

  async *list(after: BlobHash | undefined): AsyncGenerator<BlobStat, void, undefined> {
    const first = after === undefined ? 0 : BUCKETS.indexOf(after.slice(0, 2));
    const from = (bucket: string) => (after?.startsWith(bucket) ? `(${after}` : "-");
    const begun = inOrder(BUCKETS.slice(first), BUCKETS_AHEAD, async (bucket) => {
      return { bucket, page: await this.#page(bucket, from(bucket)) };
    });
    for await (let { bucket, page } of begun) {
      for (;;) {
        yield* page.stats;
        if (page.next === null) break;
        page = await this.#page(bucket, page.next);
      }
    }
  }

  collectGarbage(options: { graceMs: number; dryRun: boolean; signal: AbortSignal }): Promise<CollectedGarbage> {
    return this.#garbage.collect(options);
  }

  async close(): Promise<void> {
    this.connection.close();
  }

  async #page(bucket: string, from: string): Promise<{ stats: BlobStat[]; next: string | null }> {
    const index = await this.connection.read("ZRANGEBYLEX", [this.#keys.index(bucket), from, "+", "LIMIT", 0, PAGE]);
    const hashes = (index as Buffer[]).map((hash) => decodeUtf8(hash));
    const found = await Promise.all(
      hashes.map(async (hash) => {
        const reply = await this.connection.read("HMGET", [this.#keys.record(hash), "s", "c", "p"]);
        const [size, createdAt, lastPutAt] = reply as (Buffer | null)[];
        // Deleted meanwhile.
        if (!size) return [];
        return [{ hash, size: numberOf(size), createdAt: numberOf(createdAt), lastPutAt: numberOf(lastPutAt) }];
      }),
    );
    return { stats: found.flat(), next: hashes.length < PAGE ? null : `(${hashes.at(-1)}` };
  }
}

/** A field that is missing or no number makes a record that no blob can have. */
function numberOf(field: Buffer | null | undefined): number {
  return field ? Number(decodeUtf8(field)) : Number.NaN;
}

/** @throws AspenError `INVALID_PARAMS` */
function isDone(hash: BlobHash, reply: unknown): boolean {
  if (Buffer.isBuffer(reply) && decodeUtf8(reply) === "full")
    throw storageErrors.tooManyReferences(hash, MAX_REFERENCES);
  return Number(reply) === 1;
}
