import { decodeUtf8 } from "@aspen/plugin-api/abi";
import type { CollectedGarbage } from "../../../blobs/blob-store.js";
import { inOrder } from "../../../blobs/in-order.js";
import type { RedisConnection } from "../connection/redis-connection.js";
import { type BlobKeys, BUCKETS } from "./blob-keys.js";
import { type BlobParts, repeated } from "./blob-parts.js";
import { dropUpload } from "./upload.js";

/** Blobs, uploads or deletions in one step. */
const PAGE = 100;
/** Buckets ahead of the one that is waited for. */
const BUCKETS_AHEAD = 7;

interface Collection {
  graceMs: number;
  dryRun: boolean;
  signal: AbortSignal;
}

/** Garbage collection in Redis, bucket by bucket. Several may run at once. */
export class BlobGarbage {
  constructor(
    private readonly connection: RedisConnection,
    private readonly keys: BlobKeys,
    private readonly parts: BlobParts,
  ) {}

  async collect(options: Collection): Promise<CollectedGarbage> {
    const sum: CollectedGarbage = { blobs: 0, bytes: 0, leftovers: 0 };
    for await (const { blobs, bytes, leftovers } of inOrder(BUCKETS, BUCKETS_AHEAD, (b) => this.#bucket(b, options))) {
      sum.blobs += blobs;
      sum.bytes += bytes;
      sum.leftovers += leftovers;
    }
    return sum;
  }

  async #bucket(bucket: string, options: Collection): Promise<CollectedGarbage> {
    options.signal.throwIfAborted();
    const buried = await this.#finishDeletions(bucket, options);
    const abandoned = await this.#abandonUploads(bucket, options);
    const { blobs, bytes } = await this.#removeBlobs(bucket, options);
    return { blobs, bytes, leftovers: buried + abandoned };
  }

  /** Removes the parts of blobs whose records are gone: a process removed the record and then ended. */
  async #finishDeletions(bucket: string, { dryRun, signal }: Collection): Promise<number> {
    const key = this.keys.buried(bucket);
    if (dryRun) return Number(await this.connection.read("HLEN", [key]));
    let count = 0;
    let cursor = "0";
    do {
      const reply = await this.connection.read("HSCAN", [key, cursor, "COUNT", PAGE]);
      const [next, pairs] = reply as [Buffer, Buffer[]];
      cursor = decodeUtf8(next);
      for (let i = 0; i < pairs.length; i += 2) {
        signal.throwIfAborted();
        await this.removeBuried(key, decodeUtf8(pairs[i]!), Number(pairs[i + 1]));
        count += 1;
      }
    } while (cursor !== "0");
    return count;
  }

  async #abandonUploads(bucket: string, { dryRun, signal }: Collection): Promise<number> {
    const { connection, keys, parts } = this;
    let count = 0;
    for (let passed = 0; ; passed += dryRun ? PAGE : 0) {
      signal.throwIfAborted();
      const args = [passed, PAGE, dryRun ? "1" : "0"];
      const reply = (await connection.script("blob-abandon", keys.bucket(bucket), args)) as Buffer[];
      for (let i = 0; i < reply.length; i += 3) {
        const [id, reserved, name] = reply.slice(i, i + 3).map((bytes) => decodeUtf8(bytes)) as [
          string,
          string,
          string,
        ];
        const hash = name === "-" ? undefined : name;
        const dropped = dryRun
          ? !(hash !== undefined && (await this.#isBlob(hash, id)))
          : await dropUpload({ connection, keys, parts }, id, Number(reserved), hash);
        if (dropped) count += 1;
      }
      if (reply.length < 3 * PAGE) return count;
    }
  }

  async #removeBlobs(
    bucket: string,
    { graceMs, dryRun, signal }: Collection,
  ): Promise<{ blobs: number; bytes: number }> {
    const sum = { blobs: 0, bytes: 0 };
    for (let from = "-"; ; ) {
      signal.throwIfAborted();
      const args = [from, PAGE, graceMs, dryRun ? "1" : "0"];
      const reply = await this.connection.script("blob-collect", this.keys.bucket(bucket), args);
      const [last, ...removed] = (reply as Buffer[]).map((bytes) => decodeUtf8(bytes));
      for (let i = 0; i < removed.length; i += 3) {
        const [size, upload, parts] = removed.slice(i, i + 3) as [string, string, string];
        if (!dryRun) await this.removeBuried(this.keys.buried(bucket), upload, Number(parts));
        sum.blobs += 1;
        sum.bytes += Number(size);
      }
      if (!last) return sum;
      from = `(${last}`;
    }
  }

  /** Removes the parts of a removed blob, then forgets that they are to be removed. */
  async removeBuried(key: string, upload: string, parts: number): Promise<void> {
    await this.parts.remove(upload, parts);
    await repeated(() => this.connection.write("HDEL", [key, upload]));
  }

  async #isBlob(hash: string, upload: string): Promise<boolean> {
    const found = (await this.connection.read("HGET", [this.keys.record(hash), "u"])) as Buffer | null;
    return found !== null && decodeUtf8(found) === upload;
  }
}
