import { storageErrors } from "../errors.js";
import type { BlobHash } from "./blob-store.js";
import type { BlobRecord, ChunkStore, PartReader } from "./chunk-store.js";
import { blobHash, HASH_BYTES, Hasher, hashBytes } from "./hash.js";
import { inOrder } from "./in-order.js";
import { isCut, Layout } from "./layout.js";

/** Chunks that are read ahead of the one that is handed out. */
const READ_AHEAD = 3;

/** A part that is not what its hash says, or is gone. */
class PartDamaged extends Error {}

/** True when the record can be that of a blob; otherwise its bytes were changed. */
export function isPlausible(record: BlobRecord): boolean {
  const { size, pages, parts } = record;
  if (!isCut(record) || !Number.isSafeInteger(size) || size < 0) return false;
  const layout = new Layout(size, record);
  return layout.parts === parts && layout.pages * HASH_BYTES === pages.length;
}

export interface Reading {
  hash: BlobHash;
  record: BlobRecord;
  /** First byte. */
  start: number;
  /** Byte after the last. */
  end: number;
  /** Told of an upload whose bytes are not what they should be. */
  onCorrupt(upload: string): void;
}

/**
 * The bytes of a range, each chunk verified. When the blob is deleted meanwhile and put anew, it goes on with the new
 * parts, which have the same bytes.
 */
export async function* readBlob(store: ChunkStore, reading: Reading): AsyncGenerator<Uint8Array, void, undefined> {
  const { hash, start, end } = reading;
  let { record } = reading;
  let position = start;
  // A blob of one chunk is verified as a whole already.
  const whole = start === 0 && end === record.size && end > record.chunkBytes ? new Hasher() : null;
  let held: Uint8Array | null = null;
  while (position < end || !isPlausible(record)) {
    const reader = await store.open(hash, record);
    try {
      for await (const piece of verified(reader, hash, record, position, end)) {
        position += piece.length;
        whole?.update(piece);
        if (held) yield held;
        held = piece;
      }
    } catch (error) {
      if (!(error instanceof PartDamaged)) throw error;
      record = await nextRecord(store, reading, record);
    } finally {
      await reader.close();
    }
  }
  // The last piece is held back until the hash is known, so that nobody takes a corrupt blob for whole.
  const corrupt = whole ? whole.digest() !== hash : record.size === 0 && hash !== blobHash(new Uint8Array(0));
  if (corrupt) {
    reading.onCorrupt(record.upload);
    throw storageErrors.blobCorrupt(hash);
  }
  if (held) yield held;
}

/** What to go on with after a part was damaged. @throws AspenError `BLOB_CORRUPT`, `BLOB_NOT_FOUND` */
async function nextRecord(store: ChunkStore, { hash, onCorrupt }: Reading, failed: BlobRecord): Promise<BlobRecord> {
  const record = await store.record(hash);
  if (!record) throw storageErrors.blobNotFound(hash);
  if (record.upload !== failed.upload && record.size === failed.size) return record;
  onCorrupt(record.upload);
  throw storageErrors.blobCorrupt(hash);
}

async function* verified(
  reader: PartReader,
  hash: BlobHash,
  record: BlobRecord,
  from: number,
  end: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (!isPlausible(record)) throw new PartDamaged();
  const layout = new Layout(record.size, record);
  const { chunkBytes } = record;
  const hashes = new ChunkHashes(reader, hash, record, layout);
  const numbers = range(Math.floor(from / chunkBytes), Math.ceil(end / chunkBytes));
  const chunks = inOrder(numbers, READ_AHEAD, async (number) => {
    const [bytes, expected] = await Promise.all([readWhole(reader, layout.chunk(number)), hashes.of(number)]);
    if (!hashBytes(bytes).equals(expected)) throw new PartDamaged();
    const first = number * chunkBytes;
    return bytes.subarray(Math.max(0, from - first), Math.min(bytes.length, end - first));
  });
  yield* chunks;
}

/** The expected hash of each chunk, from pages that are verified themselves. */
class ChunkHashes {
  /** The page read last; reading goes forward. */
  #page: { number: number; bytes: Promise<Uint8Array> } | null = null;

  constructor(
    private readonly reader: PartReader,
    private readonly hash: BlobHash,
    private readonly record: BlobRecord,
    private readonly layout: Layout,
  ) {}

  async of(chunk: number): Promise<Uint8Array> {
    if (this.layout.pages === 0) return Buffer.from(this.hash, "hex");
    const number = this.layout.pageOf(chunk);
    if (this.#page?.number !== number) this.#page = { number, bytes: this.#read(number) };
    const bytes = await this.#page.bytes;
    const at = (chunk - number * this.record.hashesPerPage) * HASH_BYTES;
    return bytes.subarray(at, at + HASH_BYTES);
  }

  async #read(number: number): Promise<Uint8Array> {
    const bytes = await readWhole(this.reader, this.layout.page(number));
    const expected = this.record.pages.subarray(number * HASH_BYTES, (number + 1) * HASH_BYTES);
    if (!hashBytes(bytes).equals(expected)) throw new PartDamaged();
    return bytes;
  }
}

async function readWhole(reader: PartReader, part: Parameters<PartReader["read"]>[0]): Promise<Uint8Array> {
  const bytes = await reader.read(part);
  if (bytes?.length !== part.length) throw new PartDamaged();
  return bytes;
}

function* range(from: number, end: number): Generator<number> {
  for (let number = from; number < end; number++) yield number;
}
