import type { BlobHash } from "../../../blobs/blob-store.js";

/** First bytes of hashes and of ids of uploads: so many hash slots share the records of blobs. */
export const BUCKETS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Keys of blobs in Redis. */
export class BlobKeys {
  constructor(private readonly prefix: string) {}

  /** The keys of a bucket that every script of blobs is told; see `lua/blob.lua`. */
  bucket(bucket: string): string[] {
    const base = this.#base(bucket);
    return [`${base}:i`, `${base}:d`, `${base}:l`, `${base}:u`, base];
  }

  /** Of the bucket with a hash or the id of an upload. */
  bucketOf(id: string): string[] {
    return this.bucket(id.slice(0, 2));
  }

  index(bucket: string): string {
    return `${this.#base(bucket)}:i`;
  }

  /** Uploads whose parts are to be removed. */
  buried(bucket: string): string {
    return `${this.#base(bucket)}:d`;
  }

  leases(upload: string): string {
    return `${this.#base(upload.slice(0, 2))}:l`;
  }

  uploads(upload: string): string {
    return `${this.#base(upload.slice(0, 2))}:u`;
  }

  record(hash: BlobHash): string {
    return `${this.#base(hash.slice(0, 2))}:r:${hash}`;
  }

  tags(hash: BlobHash): string {
    return `${this.#base(hash.slice(0, 2))}:t:${hash}`;
  }

  /** Without a hash tag, so that the parts of a blob spread over a cluster. */
  part(upload: string, index: number): string {
    return `${this.prefix}:blob:p:${upload}:${index}`;
  }

  #base(bucket: string): string {
    return `${this.prefix}:blob:{${bucket}}`;
  }
}
