import { hostCallExpecting } from "../guest/host-call.js";

/**
 * A blob, or a range of one, that is read in parts: `for await (const part of blob)`. Leaving the loop closes it.
 */
export class BlobReader implements AsyncIterable<Uint8Array>, AsyncDisposable {
  /** Bytes of the whole blob. */
  readonly size: number;
  readonly #handle: string;

  constructor({ handle, size }: { handle: number; size: number }) {
    this.#handle = String(handle);
    this.size = size;
  }

  /**
   * The next bytes, at most `most` of 1 to 1,048,576; null at the end, which closes it.
   *
   * @throws AspenError `HANDLE_UNKNOWN` when it is closed, or is that of another call; `BLOB_NOT_FOUND` when the blob was
   * deleted meanwhile; `BLOB_CORRUPT`
   */
  async read(most?: number): Promise<Uint8Array | null> {
    const part = await hostCallExpecting("blob_read", this.#handle, most === undefined ? null : String(most));
    if (part.length > 0) return part.slice();
    await this.close();
    return null;
  }

  /** Does nothing when it is closed already. */
  async close(): Promise<void> {
    await hostCallExpecting("blob_close", this.#handle);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let part = await this.read(); part; part = await this.read()) yield part;
    } finally {
      await this.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
