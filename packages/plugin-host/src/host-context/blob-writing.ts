import { once } from "node:events";
import { PassThrough } from "node:stream";
import type { BlobStore } from "@aspen/storage";

/** Bytes that are taken before whoever writes waits for the store. */
const AHEAD_BYTES = 1024 * 1024;

/** A blob that a plugin writes in parts. Nobody sees it before it is committed. */
export class BlobWriting {
  readonly #parts = new PassThrough({ writableHighWaterMark: AHEAD_BYTES, readableHighWaterMark: AHEAD_BYTES });
  readonly #given = new AbortController();
  readonly #stored: Promise<string>;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param reference keeps the blob, once it is there */
  constructor(blobs: BlobStore, reference: string) {
    // What ends it early is told by the put.
    this.#parts.on("error", () => undefined);
    this.#stored = blobs.put(this.#parts, { reference, signal: this.#given.signal });
    this.#stored.catch(() => this.#parts.destroy());
  }

  /** Resolves when there is room for more. Rejects with what the store failed with. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#parts.destroyed) await this.#stored;
      // A copy: the bytes may be those of shared memory, which the next host call overwrites.
      if (bytes.length === 0 || this.#parts.write(Buffer.from(bytes))) return;
      const drained = once(this.#parts, "drain", { signal: this.#given.signal });
      await Promise.race([drained, this.#stored]);
    });
  }

  /** The hash of what was written. */
  commit(): Promise<string> {
    return this.#inTurn(() => {
      this.#parts.end();
      return this.#stored;
    });
  }

  /** Forgets what was written, unless it is committed. */
  end(): void {
    this.#given.abort();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
