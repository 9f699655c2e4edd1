import { randomUUID } from "node:crypto";
import { mkdir, open, opendir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BlobHash, BlobStat } from "../../blob-store.js";
import { CHUNK_BYTES, type ChunkStore, type ChunkUpload } from "../../blobs.js";
import { storageErrors } from "../../errors.js";

/** Keeps each blob in one file, `blobs/ab/abcd…`; uploads grow in `uploads/` and are renamed when complete. */
export class FileChunkStore implements ChunkStore {
  readonly #blobs: string;
  readonly #uploads: string;

  constructor(directory: string) {
    this.#blobs = join(directory, "blobs");
    this.#uploads = join(directory, "uploads");
  }

  /** Makes the folders; removes what uploads of an earlier process left. */
  async prepare(): Promise<void> {
    await rm(this.#uploads, { recursive: true, force: true });
    await mkdir(this.#uploads, { recursive: true });
    await mkdir(this.#blobs, { recursive: true });
  }

  async stat(hash: BlobHash): Promise<BlobStat | null> {
    const found = await unlessMissing(() => stat(this.#path(hash)));
    return found && { hash, size: found.size };
  }

  async chunk(hash: BlobHash, index: number): Promise<Uint8Array | null> {
    const file = await unlessMissing(() => open(this.#path(hash), "r"));
    if (!file) return null;
    try {
      const buffer = new Uint8Array(CHUNK_BYTES);
      const { bytesRead } = await io(() => file.read(buffer, 0, CHUNK_BYTES, index * CHUNK_BYTES));
      return buffer.slice(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async upload(): Promise<ChunkUpload> {
    const path = join(this.#uploads, randomUUID());
    const file = await io(() => open(path, "wx"));
    let open_ = true;
    const close = async () => {
      if (open_) await file.close();
      open_ = false;
    };
    return {
      write: (chunk) => io(() => file.writeFile(chunk)),
      commit: (hash) =>
        io(async () => {
          await file.sync();
          await close();
          const folder = join(this.#blobs, hash.slice(0, 2));
          const made = await mkdir(folder, { recursive: true });
          await rename(path, this.#path(hash));
          await syncFolder(folder);
          if (made !== undefined) await syncFolder(this.#blobs);
        }),
      abort: async () => {
        await close();
        await rm(path, { force: true });
      },
    };
  }

  async delete(hash: BlobHash): Promise<boolean> {
    const found = (await this.stat(hash)) !== null;
    await io(() => rm(this.#path(hash), { force: true }));
    return found;
  }

  async *list(): AsyncGenerator<BlobStat> {
    for await (const folder of await opendir(this.#blobs)) {
      for await (const { name } of await opendir(join(this.#blobs, folder.name))) {
        const found = await this.stat(name);
        if (found) yield found;
      }
    }
  }

  async close(): Promise<void> {
    await rm(this.#uploads, { recursive: true, force: true });
  }

  #path(hash: BlobHash): string {
    return join(this.#blobs, hash.slice(0, 2), hash);
  }
}

/** Names that are not synced with their folder may be gone after a power failure. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  await handle.sync().finally(() => handle.close());
}

/** @throws AspenError `STORE_UNAVAILABLE` for what the file system refuses, such as a full disk */
async function io<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageErrors.unavailable(error instanceof Error ? error.message : String(error), error);
  }
}

function unlessMissing<T>(work: () => Promise<T>): Promise<T | null> {
  return io(() =>
    work().catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    }),
  );
}
