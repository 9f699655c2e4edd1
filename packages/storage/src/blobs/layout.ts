import { HASH_BYTES } from "./hash.js";

/**
 * Bytes of one chunk. Of 1, 2 and 4 MiB the smallest is the fastest on Redis and on files: what was received is still
 * in the processor's cache when it is hashed.
 */
export const CHUNK_BYTES = 1024 * 1024;
/** Hashes of one page: 32 KiB that vouch for 1 GiB. */
export const HASHES_PER_PAGE = 1024;
/** Most pages of a blob, so that its record is at most 512 KiB: 16 TiB. */
export const MAX_PAGES = 16_384;

/** Most parts of a blob; more cannot have been written. */
export const MAX_PARTS = MAX_PAGES * (HASHES_PER_PAGE + 1);
/** Bounds of a cut, so that a record that was changed does not make anybody reserve memory without end. */
const MAX_CHUNK_BYTES = 64 * 1024 * 1024;
const MAX_HASHES_PER_PAGE = 65_536;

/** How a blob is cut into chunks, and their hashes into pages. */
export interface Cut {
  /** At most 64 MiB. */
  chunkBytes: number;
  /** 2 to 65536. */
  hashesPerPage: number;
}

/** True when blobs can be cut so. */
export function isCut({ chunkBytes, hashesPerPage }: Cut): boolean {
  const whole = Number.isSafeInteger(chunkBytes) && Number.isSafeInteger(hashesPerPage);
  return (
    whole &&
    chunkBytes >= 1 &&
    chunkBytes <= MAX_CHUNK_BYTES &&
    hashesPerPage >= 2 &&
    hashesPerPage <= MAX_HASHES_PER_PAGE
  );
}

/** A piece of a blob as it is stored. */
export interface Part {
  /** From 0, without gaps, in the order of writing. */
  index: number;
  /** Where it begins when parts follow each other; bytes. */
  offset: number;
  /** Bytes. */
  length: number;
}

/**
 * Where the parts of a blob lie: chunks, and after each `hashesPerPage` of them and after the last one a page with
 * their hashes, so that a stream is written in constant memory. A blob of one chunk needs no page: its own hash is the
 * chunk's.
 */
export class Layout {
  readonly chunks: number;
  readonly pages: number;

  constructor(
    readonly size: number,
    readonly cut: Cut,
  ) {
    this.chunks = Math.ceil(size / cut.chunkBytes);
    this.pages = this.chunks > 1 ? Math.ceil(this.chunks / cut.hashesPerPage) : 0;
  }

  get parts(): number {
    return this.chunks + this.pages;
  }

  /** Of all parts. */
  get bytes(): number {
    return this.size + (this.pages > 0 ? this.chunks * HASH_BYTES : 0);
  }

  chunk(number: number): Part {
    const { chunkBytes } = this.cut;
    const before = this.pageOf(number);
    return {
      index: number + before,
      offset: number * chunkBytes + before * this.#pageBytes,
      length: Math.min(chunkBytes, this.size - number * chunkBytes),
    };
  }

  page(number: number): Part {
    const { chunkBytes, hashesPerPage } = this.cut;
    const first = number * hashesPerPage;
    const end = Math.min(first + hashesPerPage, this.chunks);
    return {
      index: end + number,
      offset: Math.min(end * chunkBytes, this.size) + number * this.#pageBytes,
      length: (end - first) * HASH_BYTES,
    };
  }

  /** The page with a chunk's hash. */
  pageOf(chunk: number): number {
    return Math.floor(chunk / this.cut.hashesPerPage);
  }

  /** Every part, in the order of their index. */
  *all(): Generator<Part> {
    for (let chunk = 0; chunk < this.chunks; chunk++) {
      yield this.chunk(chunk);
      const last = chunk + 1 === this.chunks || (chunk + 1) % this.cut.hashesPerPage === 0;
      if (last && this.pages > 0) yield this.page(this.pageOf(chunk));
    }
  }

  get #pageBytes(): number {
    return this.cut.hashesPerPage * HASH_BYTES;
  }
}
