import { createRequire } from "node:module";
import type { BlobHash, BlobStat, BlobStore, ByteRange } from "./blob-store.js";
import { storageErrors } from "./errors.js";

const require = createRequire(import.meta.url);

/** Loaded at the first hash, so that a thread without blobs does not load it; CommonJS without named ESM exports. */
function blakeHash(): typeof import("@napi-rs/blake-hash") {
  return require("@napi-rs/blake-hash");
}

/** Bytes of one chunk. */
export const CHUNK_BYTES = 1024 * 1024;

/** BLAKE3 hash of bytes in memory, as lower-case hexadecimal. */
export function blobHash(bytes: Uint8Array): BlobHash {
  return blakeHash().blake3(asBuffer(bytes)).toString("hex");
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @throws AspenError `BLOB_HASH_INVALID` */
export function validateHash(hash: string): void {
  if (typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash)) throw storageErrors.blobHashInvalid(String(hash));
}

/** Where a driver keeps chunks. An upload is not visible before `commit`. */
export interface ChunkStore {
  stat(hash: BlobHash): Promise<BlobStat | null>;
  /** One chunk of at most {@link CHUNK_BYTES}; null when it is gone. */
  chunk(hash: BlobHash, index: number): Promise<Uint8Array | null>;
  upload(): Promise<ChunkUpload>;
  delete(hash: BlobHash): Promise<boolean>;
  list(): AsyncIterable<BlobStat>;
  close(): Promise<void>;
}

export interface ChunkUpload {
  write(chunk: Uint8Array): Promise<void>;
  /** Makes the blob visible under its hash; a second upload of the same bytes changes nothing. */
  commit(hash: BlobHash, size: number): Promise<void>;
  /** Forgets what was written. */
  abort(): Promise<void>;
}

/** A blob store over any place for chunks: hashes on the way in, verifies on the way out. */
export class ChunkedBlobStore implements BlobStore {
  constructor(private readonly chunks: ChunkStore) {}

  async put(data: Uint8Array | AsyncIterable<Uint8Array>): Promise<BlobHash> {
    if (data instanceof Uint8Array) {
      const hash = blobHash(data);
      if (await this.chunks.stat(hash)) return hash;
    }
    const upload = await this.chunks.upload();
    try {
      const hasher = new (blakeHash().Blake3Hasher)();
      let size = 0;
      for await (const chunk of rechunk(data)) {
        hasher.update(asBuffer(chunk));
        size += chunk.length;
        await upload.write(chunk);
      }
      const hash = hasher.digestBuffer().toString("hex");
      await upload.commit(hash, size);
      return hash;
    } catch (error) {
      await upload.abort();
      throw error;
    }
  }

  async get(hash: BlobHash, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    const stat = await this.#mustStat(hash);
    const start = range?.start ?? 0;
    const end = Math.min(range?.end ?? stat.size, stat.size);
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end) {
      throw storageErrors.invalid("range", `must lie within the blob's ${stat.size} bytes, start before end`);
    }
    return this.#read(stat, start, end);
  }

  async read(hash: BlobHash, maxBytes: number): Promise<Uint8Array> {
    const { size } = await this.#mustStat(hash);
    if (size > maxBytes) throw storageErrors.blobTooLarge(hash, size, maxBytes);
    const parts: Uint8Array[] = [];
    for await (const part of await this.get(hash)) parts.push(part);
    return new Uint8Array(Buffer.concat(parts));
  }

  async has(hash: BlobHash): Promise<boolean> {
    return (await this.stat(hash)) !== null;
  }

  async stat(hash: BlobHash): Promise<BlobStat | null> {
    validateHash(hash);
    return this.chunks.stat(hash);
  }

  async delete(hash: BlobHash): Promise<boolean> {
    validateHash(hash);
    return this.chunks.delete(hash);
  }

  list(): AsyncIterable<BlobStat> {
    return this.chunks.list();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.chunks.close();
  }

  async #mustStat(hash: BlobHash): Promise<BlobStat> {
    const stat = await this.stat(hash);
    if (!stat) throw storageErrors.blobNotFound(hash);
    return stat;
  }

  /** BLAKE3 of the whole can only be known at the end, so a range is verified by reading the blob to its end. */
  async *#read(stat: BlobStat, start: number, end: number): AsyncGenerator<Uint8Array> {
    const hasher = new (blakeHash().Blake3Hasher)();
    let offset = 0;
    let pending: Uint8Array | null = null;
    for (let index = 0; offset < stat.size; index++) {
      const chunk = await this.chunks.chunk(stat.hash, index);
      if (!chunk || chunk.length === 0) throw storageErrors.blobCorrupt(stat.hash);
      hasher.update(asBuffer(chunk));
      // The last part is held back until the hash is known, so that nobody takes a corrupt blob for whole.
      if (pending) yield pending;
      pending = slice(chunk, start - offset, end - offset);
      offset += chunk.length;
    }
    if (offset !== stat.size || hasher.digestBuffer().toString("hex") !== stat.hash) {
      throw storageErrors.blobCorrupt(stat.hash);
    }
    if (pending) yield pending;
  }
}

function slice(chunk: Uint8Array, start: number, end: number): Uint8Array | null {
  const from = Math.max(0, start);
  const to = Math.min(chunk.length, end);
  return from < to ? chunk.slice(from, to) : null;
}

/** Cuts any stream of bytes into chunks of exactly {@link CHUNK_BYTES}, the last one shorter. */
async function* rechunk(data: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (data instanceof Uint8Array) {
    for (let at = 0; at < data.length; at += CHUNK_BYTES) yield data.subarray(at, at + CHUNK_BYTES);
    return;
  }
  let buffer = new Uint8Array(CHUNK_BYTES);
  let filled = 0;
  for await (const part of data) {
    for (let at = 0; at < part.length; ) {
      const take = Math.min(part.length - at, CHUNK_BYTES - filled);
      buffer.set(part.subarray(at, at + take), filled);
      filled += take;
      at += take;
      if (filled < CHUNK_BYTES) continue;
      yield buffer;
      buffer = new Uint8Array(CHUNK_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
