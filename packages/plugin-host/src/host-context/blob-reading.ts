import type { BlobStore, ByteRange } from "@aspen/storage";
import { storageErrors } from "@aspen/storage";

const NOTHING = new Uint8Array(0);

/** A blob, or a range of one, that a plugin reads in parts. */
export class BlobReading {
  readonly #pieces: AsyncIterator<Uint8Array>;
  /** Of the piece that came last. */
  #left: Uint8Array = NOTHING;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    pieces: AsyncIterable<Uint8Array>,
    /** Bytes of the whole blob. */
    readonly size: number,
  ) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  static async open(blobs: BlobStore, hash: string, range: ByteRange): Promise<BlobReading> {
    const stat = await blobs.stat(hash);
    if (!stat) throw storageErrors.blobNotFound(hash);
    return new BlobReading(await blobs.get(hash, range), stat.size);
  }

  /** At most `most` bytes, as many as there are at once; none at the end. */
  read(most: number): Promise<Uint8Array> {
    const part = this.#turn.then(() => this.#next(most));
    this.#turn = part.catch(() => undefined);
    return part;
  }

  end(): void {
    // It may have failed already, which a read has said then; nobody waits for a store that hangs.
    this.#pieces.return?.()?.catch(() => undefined);
  }

  async #next(most: number): Promise<Uint8Array> {
    while (this.#left.length === 0) {
      const { done, value } = await this.#pieces.next();
      if (done) return NOTHING;
      this.#left = value;
    }
    const part = this.#left.slice(0, most);
    this.#left = this.#left.subarray(part.length);
    return part;
  }
}
