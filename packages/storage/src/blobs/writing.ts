import { storageErrors } from "../errors.js";
import type { BlobHash } from "./blob-store.js";
import type { BlobContent, ChunkUpload } from "./chunk-store.js";
import { HASH_BYTES, Hasher, hashBytes } from "./hash.js";
import { type Cut, Layout, MAX_PAGES, type Part } from "./layout.js";

/** Parts that are written at once; with the one that is filled they bound the memory of an upload. */
const IN_FLIGHT = 4;

/** Writes chunks and the pages of their hashes; says what they are when the last is written. */
export async function writeParts(
  upload: ChunkUpload,
  chunks: AsyncIterable<Uint8Array>,
  cut: Cut,
  /** Told of each chunk that is not read any more. */
  release: (chunk: Uint8Array) => void,
): Promise<{ hash: BlobHash; content: BlobContent }> {
  const lane = new Lane(upload);
  const whole = new Hasher();
  const pages: Buffer[] = [];
  let page: Buffer[] = [];
  // The first chunk's hash is the blob's when there is no other: then nothing is hashed twice.
  let first: Uint8Array | null = null;
  let hash: BlobHash | undefined;
  let layout = new Layout(0, cut);
  const endPage = async () => {
    const bytes = Buffer.concat(page);
    page = [];
    pages.push(hashBytes(bytes));
    await lane.write(layout.page(pages.length - 1), bytes);
  };
  try {
    for await (const chunk of chunks) {
      const number = layout.chunks;
      layout = new Layout(layout.size + chunk.length, cut);
      if (layout.chunks > MAX_PAGES * cut.hashesPerPage) {
        throw storageErrors.blobOverLimit(MAX_PAGES * cut.hashesPerPage * cut.chunkBytes);
      }
      const own = hashBytes(chunk);
      page.push(own);
      if (number === 0) {
        first = chunk;
        hash = own.toString("hex");
        await lane.write(layout.chunk(0), chunk);
      } else {
        if (first) whole.update(first);
        first = null;
        whole.update(chunk);
        hash = undefined;
        await lane.write(layout.chunk(number), chunk, () => release(chunk));
      }
      if (page.length === cut.hashesPerPage) await endPage();
    }
    if (layout.chunks > 1 && page.length > 0) await endPage();
  } finally {
    await lane.settle();
  }
  lane.check();
  const { size, parts } = layout;
  const content = { ...cut, size, parts, pages: new Uint8Array(Buffer.concat(pages, pages.length * HASH_BYTES)) };
  return { hash: hash ?? whole.digest(), content };
}

/** Keeps a bounded number of writes under way. */
class Lane {
  readonly #under = new Set<Promise<void>>();
  #failure: { error: unknown } | null = null;

  constructor(private readonly upload: ChunkUpload) {}

  async write(part: Part, bytes: Uint8Array, written = () => {}): Promise<void> {
    while (this.#under.size >= IN_FLIGHT) await Promise.race(this.#under);
    this.check();
    const writing = this.upload
      .write(part, bytes)
      .then(written)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#under.delete(writing));
    this.#under.add(writing);
  }

  async settle(): Promise<void> {
    await Promise.all(this.#under);
  }

  /** Throws what a write failed with. */
  check(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
