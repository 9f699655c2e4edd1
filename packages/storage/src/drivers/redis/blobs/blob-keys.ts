import type { BlobHash } from "../../../blobs/blob-store.js";

/** Values of the first byte of hashes and of upload ids: the records of blobs are spread over so many hash slots. */
export const BUCKETS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Keys of blobs in Redis. */
export class BlobKeys {
  constructor(private readonly prefix: string) {}

  /** The keys of a bucket that every script of blobs gets; see `lua/blob.lua`. */
  bucket(bucket: string): string[] {
    const base = this.#base(bucket);
    return [`${base}:i`, `${base}:d`, `${base}:l`, `${base}:u`, base];
  }

  /** Keys of the bucket that has this hash or upload id. */
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
