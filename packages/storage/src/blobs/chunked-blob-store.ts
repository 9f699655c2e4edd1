import { storageErrors } from "../errors.js";
import { abortable } from "./abortable.js";
import type {
  BlobHash,
  BlobStat,
  BlobStore,
  ByteRange,
  CollectedGarbage,
  CollectGarbageOptions,
  ListBlobsOptions,
  PutBlobOptions,
} from "./blob-store.js";
import type { BlobRecord, ChunkStore } from "./chunk-store.js";
import { blobHash } from "./hash.js";
import { CHUNK_BYTES, type Cut, HASHES_PER_PAGE, isCut } from "./layout.js";
import { isPlausible, readBlob } from "./reading.js";
import { ChunkBuffers, rechunk } from "./rechunk.js";
import { validateGrace, validateHash, validateMaxBytes, validateRange, validateTag } from "./validate.js";
import { writeParts } from "./writing.js";

/** Blobs that are remembered as corrupt, so that the next put repairs them. */
const CORRUPT_KNOWN = 1000;

export interface ChunkedBlobStoreOptions {
  /** How new blobs are cut; those stored remember their own. @default 1 MiB, 1,024 hashes to a page */
  cut?: Cut;
}

/** A blob store over any place for chunks: hashes on the way in, verifies on the way out. */
export class ChunkedBlobStore implements BlobStore {
  readonly #cut: Cut;
  /** Hash to the upload that was found corrupt. */
  readonly #corrupt = new Map<BlobHash, string>();

  /** @throws AspenError `INVALID_PARAMS` for a cut that is none */
  constructor(
    private readonly chunks: ChunkStore,
    options: ChunkedBlobStoreOptions = {},
  ) {
    this.#cut = options.cut ?? { chunkBytes: CHUNK_BYTES, hashesPerPage: HASHES_PER_PAGE };
    if (!isCut(this.#cut))
      throw storageErrors.invalid("cut", "must be chunks of 1 byte to 64 MiB and 2 to 65536 hashes");
  }

  async put(data: Uint8Array | AsyncIterable<Uint8Array>, options: PutBlobOptions = {}): Promise<BlobHash> {
    const { reference, signal } = options;
    if (reference !== undefined) validateTag(reference);
    signal?.throwIfAborted();
    const known = data instanceof Uint8Array ? blobHash(data) : undefined;
    if (known !== undefined && (await this.#isPut(known, reference))) return known;
    const small = data instanceof Uint8Array && data.length <= this.#cut.chunkBytes;
    const upload = await this.chunks.upload(small ? known : undefined);
    try {
      const buffers = new ChunkBuffers(this.#cut.chunkBytes);
      const chunks = signal ? abortable(rechunk(data, buffers), signal) : rechunk(data, buffers);
      const { hash, content } = await writeParts(upload, chunks, this.#cut, (chunk) => buffers.give(chunk));
      signal?.throwIfAborted();
      await upload.commit(hash, content, { reference, damaged: await this.#damaged(hash) });
      this.#corrupt.delete(hash);
      return hash;
    } catch (error) {
      await upload.abort();
      throw error;
    }
  }

  async get(hash: BlobHash, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    const record = await this.#mustRecord(hash);
    const { start, end } = validateRange(range, record.size);
    return this.#read(hash, record, start, end);
  }

  async read(hash: BlobHash, maxBytes: number): Promise<Uint8Array> {
    validateMaxBytes(maxBytes);
    const record = await this.#mustRecord(hash);
    const { size } = record;
    if (size > maxBytes) throw storageErrors.blobTooLarge(hash, size, maxBytes);
    const bytes = new Uint8Array(size);
    let at = 0;
    for await (const piece of this.#read(hash, record, 0, size)) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  async has(hash: BlobHash): Promise<boolean> {
    return (await this.stat(hash)) !== null;
  }

  async stat(hash: BlobHash): Promise<BlobStat | null> {
    validateHash(hash);
    const record = await this.chunks.record(hash);
    if (!record) return null;
    const { size, createdAt, lastPutAt } = record;
    return { hash, size, createdAt, lastPutAt };
  }

  async delete(hash: BlobHash): Promise<boolean> {
    validateHash(hash);
    return this.chunks.delete(hash);
  }

  async *list({ after }: ListBlobsOptions = {}): AsyncGenerator<BlobStat, void, undefined> {
    if (after !== undefined) validateHash(after);
    yield* this.chunks.list(after);
  }

  async addReference(hash: BlobHash, tag: string): Promise<void> {
    validateHash(hash);
    validateTag(tag);
    if (!(await this.chunks.addReference(hash, tag))) throw storageErrors.blobNotFound(hash);
  }

  async removeReference(hash: BlobHash, tag: string): Promise<boolean> {
    validateHash(hash);
    validateTag(tag);
    return this.chunks.removeReference(hash, tag);
  }

  async references(hash: BlobHash): Promise<string[]> {
    validateHash(hash);
    const tags = await this.chunks.references(hash);
    if (!tags) throw storageErrors.blobNotFound(hash);
    return tags.sort();
  }

  async collectGarbage(options: CollectGarbageOptions = {}): Promise<CollectedGarbage> {
    const { dryRun = false, signal = new AbortController().signal } = options;
    const graceMs = validateGrace(options);
    signal.throwIfAborted();
    return this.chunks.collectGarbage({ graceMs, dryRun, signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.chunks.close();
  }

  async #mustRecord(hash: BlobHash): Promise<BlobRecord> {
    validateHash(hash);
    const record = await this.chunks.record(hash);
    if (!record) throw storageErrors.blobNotFound(hash);
    return record;
  }

  #read(hash: BlobHash, record: BlobRecord, start: number, end: number): AsyncIterable<Uint8Array> {
    const onCorrupt = (upload: string) => {
      if (this.#corrupt.size >= CORRUPT_KNOWN) this.#corrupt.delete(this.#corrupt.keys().next().value!);
      this.#corrupt.set(hash, upload);
    };
    return readBlob(this.chunks, { hash, record, start, end, onCorrupt });
  }

  /** True when the bytes are stored already; then they count as put now. */
  async #isPut(hash: BlobHash, reference: string | undefined): Promise<boolean> {
    if ((await this.#damaged(hash)) !== undefined) return false;
    return this.chunks.touch(hash, reference);
  }

  /** The stored upload of this hash when it lacks parts or is known to be corrupt. */
  async #damaged(hash: BlobHash): Promise<string | undefined> {
    const record = await this.chunks.record(hash);
    if (!record) return undefined;
    const known = this.#corrupt.get(hash) === record.upload || !isPlausible(record);
    return known || !(await this.chunks.isWhole(hash, record)) ? record.upload : undefined;
  }
}
