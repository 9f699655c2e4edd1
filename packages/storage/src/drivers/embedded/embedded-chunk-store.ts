import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, opendir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BlobHash, BlobStat, CollectedGarbage } from "../../blobs/blob-store.js";
import type { BlobRecord, ChunkStore, ChunkUpload, PartReader } from "../../blobs/chunk-store.js";
import { Layout, type Part } from "../../blobs/layout.js";
import { storageErrors } from "../../errors.js";
import { DIRECTORY_MODE, FILE_MODE } from "./directory/access.js";
import { BlobRecords } from "./lmdb/blob-records.js";
import type { Environment } from "./lmdb/environment.js";

const FOLDER = /^[0-9a-f]{2}$/;
/** Hash and upload. */
const FILE = /^([0-9a-f]{64})\.([0-9a-f-]{36})$/;
/** Records that are looked at in one step, and files that are removed in one. */
const PAGE = 1000;

/**
 * Keeps the parts of each blob in one file, `blobs/ab/{hash}.{upload}`, so that one rename makes them whole and one
 * unlink removes them. A file without a record is no blob: the record comes after the file and goes before it.
 */
export class EmbeddedChunkStore implements ChunkStore {
  readonly #blobs: string;
  readonly #uploads: string;
  readonly #records: BlobRecords;
  /** Uploads of this process that are under way. */
  readonly #active = new Set<string>();

  private constructor(
    directory: string,
    private readonly environment: Environment,
  ) {
    this.#blobs = join(directory, "blobs");
    this.#uploads = join(directory, "uploads");
    this.#records = new BlobRecords(environment);
  }

  /** Opens it in a directory that has the folders; removes what uploads of an earlier process left. */
  static async open(directory: string, environment: Environment): Promise<EmbeddedChunkStore> {
    const store = new EmbeddedChunkStore(directory, environment);
    await store.#removeUploads();
    return store;
  }

  async record(hash: BlobHash): Promise<BlobRecord | null> {
    return this.#records.get(hash);
  }

  async open(hash: BlobHash, { upload }: BlobRecord): Promise<PartReader> {
    const file = await unlessMissing(() => open(this.#path(hash, upload), "r"));
    return {
      read: async (part) => (file ? io(() => readPart(file, part)) : null),
      close: async () => file?.close(),
    };
  }

  async isWhole(hash: BlobHash, record: BlobRecord): Promise<boolean> {
    const found = await unlessMissing(() => stat(this.#path(hash, record.upload)));
    return found?.size === new Layout(record.size, record).bytes;
  }

  touch(hash: BlobHash, reference: string | undefined): Promise<boolean> {
    return this.#records.touch(hash, reference);
  }

  async upload(): Promise<ChunkUpload> {
    this.environment.presence.assert();
    const upload = randomUUID();
    this.#active.add(upload);
    const path = join(this.#uploads, upload);
    const file = await io(() => open(path, "wx", FILE_MODE)).catch((error) => {
      this.#active.delete(upload);
      throw error;
    });
    return {
      write: (part, bytes) => io(() => writePart(file, part, bytes)),
      commit: async (hash, content, options) => {
        await io(async () => {
          await file.sync();
          await file.close();
          const folder = this.#folder(hash);
          const made = await mkdir(folder, { recursive: true, mode: DIRECTORY_MODE });
          await rename(path, this.#path(hash, upload));
          await syncFolder(folder);
          if (made !== undefined) await syncFolder(this.#blobs);
        });
        const unneeded = await this.#records.commit(hash, upload, content, options).catch(async (error) => {
          if (this.#records.get(hash)?.upload !== upload) await this.#removeFile(hash, upload);
          throw error;
        });
        this.#active.delete(upload);
        if (unneeded !== null) await this.#removeFile(hash, unneeded);
      },
      abort: async () => {
        await file.close();
        await rm(path, { force: true });
        this.#active.delete(upload);
      },
    };
  }

  async delete(hash: BlobHash): Promise<boolean> {
    const upload = await this.#records.remove(hash);
    if (upload !== null) await this.#removeFile(hash, upload);
    return upload !== null;
  }

  addReference(hash: BlobHash, tag: string): Promise<boolean> {
    return this.#records.addReference(hash, tag);
  }

  removeReference(hash: BlobHash, tag: string): Promise<boolean> {
    return this.#records.removeReference(hash, tag);
  }

  async references(hash: BlobHash): Promise<string[] | null> {
    return this.#records.references(hash);
  }

  async *list(after: BlobHash | undefined): AsyncGenerator<BlobStat, void, undefined> {
    for (let last = after; ; ) {
      const page = this.#records.page(last, PAGE);
      for (const { hash, record } of page) {
        const { size, createdAt, lastPutAt } = record;
        yield { hash, size, createdAt, lastPutAt };
      }
      if (page.length < PAGE) return;
      last = page.at(-1)!.hash;
    }
  }

  async collectGarbage(options: { graceMs: number; dryRun: boolean; signal: AbortSignal }): Promise<CollectedGarbage> {
    const { graceMs, dryRun, signal } = options;
    const collected = { blobs: 0, bytes: 0, leftovers: 0 };
    const before = Date.now() - graceMs;
    for (let last: BlobHash | undefined; ; ) {
      signal.throwIfAborted();
      const page = this.#records.page(last, PAGE);
      const old = page.filter(({ hash, record }) => record.lastPutAt <= before && !this.#records.isReferenced(hash));
      const hashes = old.map(({ hash }) => hash);
      for (const { hash, record } of hashes.length > 0 ? await this.#records.collect(hashes, before, dryRun) : []) {
        if (!dryRun) await this.#removeFile(hash, record.upload);
        collected.blobs += 1;
        collected.bytes += record.size;
      }
      if (page.length < PAGE) break;
      last = page.at(-1)!.hash;
    }
    for (const folder of await io(() => readdir(this.#blobs))) {
      signal.throwIfAborted();
      // Files that somebody else put there stay.
      if (!FOLDER.test(folder)) continue;
      collected.leftovers += await this.#collectFolder(join(this.#blobs, folder), dryRun);
    }
    return collected;
  }

  async close(): Promise<void> {
    this.#records.close();
    // The folder of that name may be another store's by now.
    if (this.environment.presence.isThere()) await this.#removeUploads();
  }

  async #removeUploads(): Promise<void> {
    for (const name of await readdir(this.#uploads))
      await rm(join(this.#uploads, name), { recursive: true, force: true });
  }

  /** Removes files without a record: a process was killed between the two steps. */
  async #collectFolder(folder: string, dryRun: boolean): Promise<number> {
    let removed = 0;
    let found: { hash: BlobHash; upload: string }[] = [];
    const flush = async () => {
      for (const { hash, upload } of found.length > 0 ? await this.#records.unrecorded(found) : []) {
        if (!dryRun) await this.#removeFile(hash, upload);
        removed += 1;
      }
      found = [];
    };
    for await (const { name } of await io(() => opendir(folder))) {
      const [, hash, upload] = FILE.exec(name) ?? [];
      if (hash === undefined || upload === undefined) continue;
      // Asked before the record is: an upload is active until its record is there.
      if (this.#active.has(upload) || this.#records.get(hash)?.upload === upload) continue;
      found.push({ hash, upload });
      if (found.length >= PAGE) await flush();
    }
    await flush();
    return removed;
  }

  async #removeFile(hash: BlobHash, upload: string): Promise<void> {
    await io(() => rm(this.#path(hash, upload), { force: true }));
  }

  #folder(hash: BlobHash): string {
    return join(this.#blobs, hash.slice(0, 2));
  }

  #path(hash: BlobHash, upload: string): string {
    return join(this.#folder(hash), `${hash}.${upload}`);
  }
}

async function readPart(file: FileHandle, { offset, length }: Part): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return new Uint8Array(buffer.buffer, 0, filled);
}

async function writePart(file: FileHandle, { offset }: Part, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, offset + written);
    written += bytesWritten;
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
