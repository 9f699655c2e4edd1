import { type BlobHash, type BlobStat, type CollectedGarbage, MAX_REFERENCES } from "../../blobs/blob-store.js";
import type { BlobContent, BlobRecord, ChunkStore, ChunkUpload, PartReader } from "../../blobs/chunk-store.js";
import { copyBytes } from "../../bytes.js";
import { storageErrors } from "../../errors.js";

interface Blob {
  record: BlobRecord;
  parts: (Uint8Array | undefined)[];
  references: Set<string>;
}

/** Keeps blobs in this process's memory. */
export class MemoryChunkStore implements ChunkStore {
  readonly #blobs = new Map<BlobHash, Blob>();
  #uploads = 0;
  #closed = false;

  async record(hash: BlobHash): Promise<BlobRecord | null> {
    return this.#open().get(hash)?.record ?? null;
  }

  async open(hash: BlobHash, { upload }: BlobRecord): Promise<PartReader> {
    const blob = this.#open().get(hash);
    const parts = blob?.record.upload === upload ? blob.parts : [];
    return {
      read: async ({ index }) => {
        this.#open();
        const bytes = parts[index];
        return bytes ? copyBytes(bytes) : null;
      },
      close: async () => {},
    };
  }

  async isWhole(): Promise<boolean> {
    return true;
  }

  async touch(hash: BlobHash, reference: string | undefined): Promise<boolean> {
    const blob = this.#open().get(hash);
    if (!blob) return false;
    if (reference !== undefined) refer(hash, blob, reference);
    blob.record = { ...blob.record, lastPutAt: Date.now() };
    return true;
  }

  async upload(): Promise<ChunkUpload> {
    this.#open();
    this.#uploads += 1;
    const upload = String(this.#uploads);
    const parts: Uint8Array[] = [];
    return {
      write: async ({ index }, bytes) => {
        parts[index] = copyBytes(bytes);
      },
      commit: async (hash, content, { reference, damaged }) => {
        const found = this.#open().get(hash);
        if (found && found.record.upload !== damaged) await this.touch(hash, reference);
        else this.#put(hash, { upload, content, parts, references: found?.references ?? new Set() }, reference);
      },
      abort: async () => {
        parts.length = 0;
      },
    };
  }

  async delete(hash: BlobHash): Promise<boolean> {
    return this.#open().delete(hash);
  }

  async addReference(hash: BlobHash, tag: string): Promise<boolean> {
    const blob = this.#open().get(hash);
    if (blob) refer(hash, blob, tag);
    return blob !== undefined;
  }

  async removeReference(hash: BlobHash, tag: string): Promise<boolean> {
    return this.#open().get(hash)?.references.delete(tag) ?? false;
  }

  async references(hash: BlobHash): Promise<string[] | null> {
    const blob = this.#open().get(hash);
    return blob ? [...blob.references] : null;
  }

  async *list(after: BlobHash | undefined): AsyncGenerator<BlobStat, void, undefined> {
    for (const hash of [...this.#open().keys()].sort()) {
      if (after !== undefined && hash <= after) continue;
      const blob = this.#open().get(hash);
      if (!blob) continue;
      const { size, createdAt, lastPutAt } = blob.record;
      yield { hash, size, createdAt, lastPutAt };
    }
  }

  async collectGarbage({ graceMs, dryRun }: { graceMs: number; dryRun: boolean }): Promise<CollectedGarbage> {
    const collected = { blobs: 0, bytes: 0, leftovers: 0 };
    const before = Date.now() - graceMs;
    for (const [hash, { record, references }] of this.#open()) {
      if (references.size > 0 || record.lastPutAt > before) continue;
      if (!dryRun) this.#blobs.delete(hash);
      collected.blobs += 1;
      collected.bytes += record.size;
    }
    return collected;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#blobs.clear();
  }

  #put(
    hash: BlobHash,
    { upload, content, parts, references }: Omit<Blob, "record"> & { upload: string; content: BlobContent },
    reference: string | undefined,
  ): void {
    const now = Date.now();
    const blob = { record: { ...content, upload, createdAt: now, lastPutAt: now }, parts, references };
    if (reference !== undefined) refer(hash, blob, reference);
    this.#blobs.set(hash, blob);
  }

  #open(): Map<BlobHash, Blob> {
    if (this.#closed) throw storageErrors.unavailable("it is closed");
    return this.#blobs;
  }
}

function refer(hash: BlobHash, { references }: Blob, tag: string): void {
  if (references.size >= MAX_REFERENCES && !references.has(tag)) {
    throw storageErrors.tooManyReferences(hash, MAX_REFERENCES);
  }
  references.add(tag);
}
