/** BLAKE3 hash of a blob, 64 lower-case hexadecimal digits. */
export type BlobHash = string;

export interface BlobStat {
  hash: BlobHash;
  /** Bytes. */
  size: number;
}

export interface ByteRange {
  /** First byte. @default 0 */
  start?: number;
  /** Byte after the last. @default the blob's size */
  end?: number;
}

/**
 * A content-addressed store of immutable bytes in chunks of 1 MiB. Reads verify the hash.
 *
 * Throws `AspenError`: `BLOB_HASH_INVALID`, `BLOB_NOT_FOUND`, `BLOB_CORRUPT`, `INVALID_PARAMS`, `STORE_UNAVAILABLE`.
 */
export interface BlobStore extends AsyncDisposable {
  /** Stores the bytes once, however often they are put. Memory use is constant for a stream. */
  put(data: Uint8Array | AsyncIterable<Uint8Array>): Promise<BlobHash>;
  /** Streams the blob. @throws AspenError `BLOB_NOT_FOUND` (on the call), `BLOB_CORRUPT` (while reading). */
  get(hash: BlobHash, range?: ByteRange): Promise<AsyncIterable<Uint8Array>>;
  /** The whole blob in memory. @throws AspenError `PAYLOAD_TOO_LARGE` when it is over `maxBytes`. */
  read(hash: BlobHash, maxBytes: number): Promise<Uint8Array>;
  has(hash: BlobHash): Promise<boolean>;
  stat(hash: BlobHash): Promise<BlobStat | null>;
  /** True when it was there. */
  delete(hash: BlobHash): Promise<boolean>;
  list(): AsyncIterable<BlobStat>;
}
