import type { BlobHash, BlobStat, CollectedGarbage } from "./blob-store.js";
import type { Cut, Part } from "./layout.js";

/** What makes the parts of an upload a blob. */
export interface BlobContent extends Cut {
  /** Bytes of the blob. */
  size: number;
  /** Chunks and pages. */
  parts: number;
  /** BLAKE3 of each page of chunk hashes, one after the other; empty for a blob of at most one chunk. */
  pages: Uint8Array;
}

export interface BlobRecord extends BlobContent {
  /** Id of the upload whose parts the blob has. Never used again once they are removed. */
  upload: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
  /** Milliseconds since the epoch. Grace periods are counted from it by the wall clock, as it outlives the process. */
  lastPutAt: number;
}

export interface CommitOptions {
  /** Added in the same step. */
  reference?: string | undefined;
  /** A stored upload that is known to be damaged: it is replaced, and its references stay. */
  damaged?: string | undefined;
}

/**
 * Where a driver keeps blobs. The record of a blob alone decides whether it exists; each step on a record, its
 * references and the time of its last put is atomic, for all processes that share the store.
 */
export interface ChunkStore {
  record(hash: BlobHash): Promise<BlobRecord | null>;
  /** Opens the parts for reading; also when they are gone. */
  open(hash: BlobHash, record: BlobRecord): Promise<PartReader>;
  /** Whether every part is there in its full length; does not read them. */
  isWhole(hash: BlobHash, record: BlobRecord): Promise<boolean>;
  /** Makes now the time of its last put, and adds a reference; false when there is no such blob. */
  touch(hash: BlobHash, reference: string | undefined): Promise<boolean>;
  /** Begins an upload; nobody sees it before `commit`. `hash` is given when it is known by then. */
  upload(hash?: BlobHash): Promise<ChunkUpload>;
  delete(hash: BlobHash): Promise<boolean>;
  /** False when there is no such blob. @throws AspenError `INVALID_PARAMS` over `MAX_REFERENCES` */
  addReference(hash: BlobHash, tag: string): Promise<boolean>;
  removeReference(hash: BlobHash, tag: string): Promise<boolean>;
  /** In any order; null when there is no such blob. */
  references(hash: BlobHash): Promise<string[] | null>;
  /** In the order of the hashes. */
  list(after: BlobHash | undefined): AsyncIterable<BlobStat>;
  collectGarbage(options: { graceMs: number; dryRun: boolean; signal: AbortSignal }): Promise<CollectedGarbage>;
  close(): Promise<void>;
}

export interface PartReader {
  /** What is there of the part; null when it is gone. Several may be under way at once. */
  read(part: Part): Promise<Uint8Array | null>;
  close(): Promise<void>;
}

export interface ChunkUpload {
  /** Several may be under way at once; the bytes are not changed before it resolves. */
  write(part: Part, bytes: Uint8Array): Promise<void>;
  /**
   * Makes the blob visible under its hash. When it is stored already, this upload is forgotten, and the blob counts as
   * put now.
   */
  commit(hash: BlobHash, content: BlobContent, options: CommitOptions): Promise<void>;
  /** Forgets what was written; after every write has settled. */
  abort(): Promise<void>;
}
