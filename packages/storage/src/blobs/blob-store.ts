/** BLAKE3 hash of a blob, 64 lower-case hexadecimal digits. */
export type BlobHash = string;

export interface BlobStat {
  hash: BlobHash;
  /** Bytes. */
  size: number;
  /** Milliseconds since the epoch. */
  createdAt: number;
  /** Milliseconds since the epoch of the last put of these bytes, also one that found them stored. */
  lastPutAt: number;
}

export interface ByteRange {
  /** First byte. @default 0 */
  start?: number;
  /** Byte after the last. @default the blob's size */
  end?: number;
}

export interface PutBlobOptions {
  /** A tag that references the blob from its first moment on, as {@link BlobStore.addReference} would. @default none */
  reference?: string;
  /** Ends the put between two chunks; it rejects with the signal's reason. @default never */
  signal?: AbortSignal;
}

export interface CollectGarbageOptions {
  /**
   * Milliseconds for which a blob without references is kept after its last put, at least {@link MIN_GRACE_MS}. It must
   * be longer than any caller takes from a put to the reference. @default 86400000 (24 h)
   */
  graceMs?: number;
  /** Count what would be removed, and remove nothing. @default false */
  dryRun?: boolean;
  /** Ends the collection early; it rejects with the signal's reason. What is removed by then stays so. @default never */
  signal?: AbortSignal;
}

/** What a garbage collection removed, or would remove. */
export interface CollectedGarbage {
  /** Blobs without references. */
  blobs: number;
  /** Bytes of those blobs. */
  bytes: number;
  /** Uploads and deletions that were never finished. */
  leftovers: number;
}

/** The shortest grace period; milliseconds. */
export const MIN_GRACE_MS = 1000;
export const DEFAULT_GRACE_MS = 24 * 60 * 60 * 1000;

/** Longest tag, in bytes of UTF-8. */
export const TAG_BYTES = 256;

/** Most tags that reference one blob. */
export const MAX_REFERENCES = 10_000;

/**
 * A content-addressed store of immutable bytes. Every chunk is verified before it is handed out.
 *
 * Throws `AspenError`: `BLOB_HASH_INVALID`, `BLOB_NOT_FOUND`, `BLOB_CORRUPT`, `INVALID_PARAMS`, `STORE_UNAVAILABLE`, and
 * `OUTCOME_UNKNOWN` from `delete` and `removeReference`, which are sent once.
 */
export interface BlobStore extends AsyncDisposable {
  /**
   * Stores the bytes once, however often they are put. A stream takes constant memory. A put repairs a blob that lacks
   * parts, or that this store object has found corrupt.
   * @throws AspenError `PAYLOAD_TOO_LARGE` over 16 TiB
   */
  put(data: Uint8Array | AsyncIterable<Uint8Array>, options?: PutBlobOptions): Promise<BlobHash>;
  /**
   * Streams the blob; stop reading to end it. A range costs the chunks it touches; the whole also verifies the hash.
   * @throws AspenError `BLOB_NOT_FOUND` (on the call, and while reading when it is deleted), `BLOB_CORRUPT` (while reading)
   */
  get(hash: BlobHash, range?: ByteRange): Promise<AsyncIterable<Uint8Array>>;
  /** The whole blob in memory. @throws AspenError `PAYLOAD_TOO_LARGE` when it is over `maxBytes`. */
  read(hash: BlobHash, maxBytes: number): Promise<Uint8Array>;
  has(hash: BlobHash): Promise<boolean>;
  stat(hash: BlobHash): Promise<BlobStat | null>;
  /** Removes it, referenced or not, and its references. True when it was there. */
  delete(hash: BlobHash): Promise<boolean>;
  /** Every blob in the order of the hashes, read in pages; what is put or deleted meanwhile may or may not be seen. */
  list(options?: ListBlobsOptions): AsyncIterable<BlobStat>;
  /**
   * Keeps the blob from garbage collection under a name of the caller's, 1 to {@link TAG_BYTES} bytes without control
   * characters. A second time with the same tag changes nothing.
   * @throws AspenError `BLOB_NOT_FOUND`; `INVALID_PARAMS` also over {@link MAX_REFERENCES} tags
   */
  addReference(hash: BlobHash, tag: string): Promise<void>;
  /** True when the tag was there. */
  removeReference(hash: BlobHash, tag: string): Promise<boolean>;
  /** The blob's tags, sorted. @throws AspenError `BLOB_NOT_FOUND` */
  references(hash: BlobHash): Promise<string[]>;
  /**
   * Removes blobs without references whose last put is longer ago than the grace period. It also removes what cut-off
   * uploads and deletions left. It is safe beside everything else, in every process of a shared store.
   */
  collectGarbage(options?: CollectGarbageOptions): Promise<CollectedGarbage>;
}

export interface ListBlobsOptions {
  /** Begins after this hash. @default the first */
  after?: BlobHash;
}
