import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api/abi";
import { type BlobHash, MAX_REFERENCES } from "../../../blobs/blob-store.js";
import type { BlobContent, BlobRecord, CommitOptions } from "../../../blobs/chunk-store.js";
import { HASH_BYTES } from "../../../blobs/hash.js";
import { prefixEnd } from "../../../bytes.js";
import { storageErrors } from "../../../errors.js";
import { commit } from "./commit.js";
import type { Environment } from "./environment.js";

/** The records and references of blobs in LMDB. Each write is a transaction that decides by what it finds. */
export class BlobRecords {
  #closed = false;

  constructor(private readonly environment: Environment) {}

  get(hash: BlobHash): BlobRecord | null {
    return this.#open().blobs.get(keyOf(hash)) ?? null;
  }

  /** At most `limit` records in the order of the hashes. */
  page(after: BlobHash | undefined, limit: number): { hash: BlobHash; record: BlobRecord }[] {
    const { blobs } = this.#open();
    const start = after === undefined ? {} : { start: Buffer.concat([keyOf(after), Buffer.alloc(1)]) };
    return Array.from(blobs.getRange({ ...start, limit }), ({ key, value }) => ({
      hash: (key as Buffer).toString("hex"),
      record: value,
    }));
  }

  async touch(hash: BlobHash, reference: string | undefined): Promise<boolean> {
    return this.#write(() => {
      const record = this.get(hash);
      if (!record) return false;
      return this.#touch(hash, record, reference);
    });
  }

  /** Records an upload as the blob, unless the blob is there undamaged. Returns the upload that is no longer needed. */
  async commit(
    hash: BlobHash,
    upload: string,
    content: BlobContent,
    { reference, damaged }: CommitOptions,
  ): Promise<string | null> {
    return this.#write(() => {
      const found = this.get(hash);
      if (found && found.upload !== damaged) {
        const touched = this.#touch(hash, found, reference);
        return touched === true ? upload : touched;
      }
      const full = this.#refer(hash, reference);
      if (full) return full;
      const now = Date.now();
      this.environment.blobs.putSync(keyOf(hash), { ...content, upload, createdAt: now, lastPutAt: now });
      return found?.upload ?? null;
    });
  }

  /** Removes a record with its references; returns its upload. */
  async remove(hash: BlobHash): Promise<string | null> {
    return this.#write(() => this.#remove(hash));
  }

  async addReference(hash: BlobHash, tag: string): Promise<boolean> {
    return this.#write(() => {
      if (!this.get(hash)) return false;
      return this.#refer(hash, tag) ?? true;
    });
  }

  async removeReference(hash: BlobHash, tag: string): Promise<boolean> {
    return this.#write(() => this.environment.references.removeSync(referenceKey(hash, tag)));
  }

  references(hash: BlobHash): string[] | null {
    if (!this.get(hash)) return null;
    return this.#references(hash).map((key) => decodeUtf8(key.subarray(HASH_BYTES)));
  }

  /** Of these blobs, those that are garbage: no references, and no put since. Removes them unless `dryRun`. */
  async collect(
    hashes: readonly BlobHash[],
    before: number,
    dryRun: boolean,
  ): Promise<{ hash: BlobHash; record: BlobRecord }[]> {
    return this.#write(() => {
      const garbage: { hash: BlobHash; record: BlobRecord }[] = [];
      for (const hash of hashes) {
        const record = this.get(hash);
        if (!record || record.lastPutAt > before || this.isReferenced(hash)) continue;
        garbage.push({ hash, record });
        if (!dryRun) this.#remove(hash);
      }
      return garbage;
    });
  }

  /** Of these uploads, those that no record names. */
  async unrecorded(
    uploads: readonly { hash: BlobHash; upload: string }[],
  ): Promise<{ hash: BlobHash; upload: string }[]> {
    // In a write transaction, so that it sees every commit before it.
    return this.#write(() => uploads.filter(({ hash, upload }) => this.get(hash)?.upload !== upload));
  }

  isReferenced(hash: BlobHash): boolean {
    return this.#references(hash, 1).length > 0;
  }

  close(): void {
    this.#closed = true;
  }

  #remove(hash: BlobHash): string | null {
    const record = this.get(hash);
    if (!record) return null;
    for (const key of this.#references(hash)) this.environment.references.removeSync(key);
    this.environment.blobs.removeSync(keyOf(hash));
    return record.upload;
  }

  /** True, or the error for which nothing was changed. */
  #touch(hash: BlobHash, record: BlobRecord, reference: string | undefined): true | Error {
    const full = this.#refer(hash, reference);
    if (full) return full;
    this.environment.blobs.putSync(keyOf(hash), { ...record, lastPutAt: Date.now() });
    return true;
  }

  /** Adds a reference; the error when there are too many. */
  #refer(hash: BlobHash, tag: string | undefined): Error | null {
    if (tag === undefined) return null;
    const { references } = this.environment;
    const key = referenceKey(hash, tag);
    if (references.doesExist(key)) return null;
    if (references.getKeysCount(rangeOf(hash)) >= MAX_REFERENCES)
      return storageErrors.tooManyReferences(hash, MAX_REFERENCES);
    references.putSync(key, Buffer.alloc(0));
    return null;
  }

  #references(hash: BlobHash, limit = MAX_REFERENCES): Buffer[] {
    return [...this.#open().references.getKeys({ ...rangeOf(hash), limit })] as Buffer[];
  }

  /** Commits what `work` did. @throws the error when `work` returned one instead of a result */
  async #write<T>(work: () => T): Promise<Exclude<T, Error>> {
    this.#open();
    const result = await commit(this.environment, work);
    if (result instanceof Error) throw result;
    return result as Exclude<T, Error>;
  }

  #open(): Environment {
    if (this.#closed) throw storageErrors.unavailable("it is closed");
    this.environment.presence.assertLately();
    return this.environment;
  }
}

function keyOf(hash: BlobHash): Buffer {
  return Buffer.from(hash, "hex");
}

/** Of the references of a blob. */
function rangeOf(hash: BlobHash): { start: Buffer; end?: Buffer } {
  const start = keyOf(hash);
  const end = prefixEnd(start);
  return end ? { start, end: Buffer.from(end) } : { start };
}

function referenceKey(hash: BlobHash, tag: string): Buffer {
  return Buffer.concat([keyOf(hash), encodeUtf8(tag)]);
}
