import type { BlobHash, BlobStat } from "../../blob-store.js";
import type { ChunkStore, ChunkUpload } from "../../blobs.js";
import { copyBytes } from "../../bytes.js";

/** Keeps chunks in this process's memory. */
export class MemoryChunkStore implements ChunkStore {
  readonly #blobs = new Map<BlobHash, { size: number; chunks: Uint8Array[] }>();

  async stat(hash: BlobHash): Promise<BlobStat | null> {
    const blob = this.#blobs.get(hash);
    return blob ? { hash, size: blob.size } : null;
  }

  async chunk(hash: BlobHash, index: number): Promise<Uint8Array | null> {
    return this.#blobs.get(hash)?.chunks[index] ?? null;
  }

  async upload(): Promise<ChunkUpload> {
    const chunks: Uint8Array[] = [];
    return {
      write: async (chunk) => {
        chunks.push(copyBytes(chunk));
      },
      commit: async (hash, size) => {
        this.#blobs.set(hash, { size, chunks });
      },
      abort: async () => {
        chunks.length = 0;
      },
    };
  }

  async delete(hash: BlobHash): Promise<boolean> {
    return this.#blobs.delete(hash);
  }

  async *list(): AsyncGenerator<BlobStat> {
    for (const [hash, { size }] of this.#blobs) yield { hash, size };
  }

  async close(): Promise<void> {
    this.#blobs.clear();
  }
}
