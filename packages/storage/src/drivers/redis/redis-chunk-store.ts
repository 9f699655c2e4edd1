import { randomUUID } from "node:crypto";
import { decodeUtf8 } from "@aspen/plugin-api/abi";
import type { BlobHash, BlobStat } from "../../blob-store.js";
import type { ChunkStore, ChunkUpload } from "../../blobs.js";
import type { RedisConnection } from "./connection.js";

/** Seconds after which an upload that nobody ended is forgotten. */
const UPLOAD_TTL_S = 3600;

/**
 * Keeps each chunk under a key of its own, `{prefix}:blob:c:{upload}:{index}`; a blob is the record
 * `{prefix}:blob:h:{hash}` = `{upload} {size} {chunks}` that names the upload whose chunks it has.
 */
export class RedisChunkStore implements ChunkStore {
  constructor(
    private readonly connection: RedisConnection,
    private readonly prefix: string,
  ) {}

  async stat(hash: BlobHash): Promise<BlobStat | null> {
    const record = await this.#record(hash);
    return record && { hash, size: record.size };
  }

  async chunk(hash: BlobHash, index: number): Promise<Uint8Array | null> {
    const record = await this.#record(hash);
    if (!record || index >= record.chunks) return null;
    const chunk = (await this.connection.read("GET", [this.#chunkKey(record.upload, index)])) as Buffer | null;
    return chunk && new Uint8Array(chunk);
  }

  async upload(): Promise<ChunkUpload> {
    const id = randomUUID();
    let chunks = 0;
    const drop = async () => {
      await Promise.all(
        Array.from({ length: chunks }, (_, index) => this.connection.write("DEL", [this.#chunkKey(id, index)])),
      );
    };
    return {
      write: async (chunk) => {
        await this.connection.write("SET", [this.#chunkKey(id, chunks), Buffer.from(chunk), "EX", UPLOAD_TTL_S]);
        chunks += 1;
      },
      commit: async (hash, size) => {
        await Promise.all(
          Array.from({ length: chunks }, (_, index) => this.connection.write("PERSIST", [this.#chunkKey(id, index)])),
        );
        const set = await this.connection.write("SET", [this.#hashKey(hash), `${id} ${size} ${chunks}`, "NX"]);
        if (set === null) await drop();
        else await this.connection.write("SADD", [`${this.prefix}:blobs`, hash]);
      },
      abort: drop,
    };
  }

  async delete(hash: BlobHash): Promise<boolean> {
    const record = await this.#record(hash);
    if (!record) return false;
    await this.connection.write("SREM", [`${this.prefix}:blobs`, hash]);
    const removed = Number(await this.connection.write("DEL", [this.#hashKey(hash)]));
    await Promise.all(
      Array.from({ length: record.chunks }, (_, index) =>
        this.connection.write("DEL", [this.#chunkKey(record.upload, index)]),
      ),
    );
    return removed === 1;
  }

  async *list(): AsyncGenerator<BlobStat> {
    let cursor = "0";
    do {
      const [next, hashes] = (await this.connection.read("SSCAN", [`${this.prefix}:blobs`, cursor])) as [
        Buffer,
        Buffer[],
      ];
      cursor = decodeUtf8(next);
      for (const hash of hashes) {
        const found = await this.stat(decodeUtf8(hash));
        if (found) yield found;
      }
    } while (cursor !== "0");
  }

  async close(): Promise<void> {
    this.connection.close();
  }

  async #record(hash: BlobHash): Promise<{ upload: string; size: number; chunks: number } | null> {
    const record = (await this.connection.read("GET", [this.#hashKey(hash)])) as Buffer | null;
    if (!record) return null;
    const [upload = "", size, chunks] = decodeUtf8(record).split(" ");
    return { upload, size: Number(size), chunks: Number(chunks) };
  }

  #hashKey(hash: BlobHash): string {
    return `${this.prefix}:blob:h:${hash}`;
  }

  #chunkKey(upload: string, index: number): string {
    return `${this.prefix}:blob:c:${upload}:${index}`;
  }
}
