import { randomInt } from "node:crypto";
import { LIMITS } from "@aspen/plugin-api/abi";
import type { BlobStore, ByteRange } from "@aspen/storage";
import { hostErrors } from "../errors.js";
import { BlobReading } from "./blob-reading.js";
import { BlobWriting } from "./blob-writing.js";

/** How many streams one plugin has open on this node, in all of its calls. */
export interface StreamCount {
  open: number;
}

/** Handles are guessed by nobody, and one that is kept from an earlier call is none of a later one. */
const HANDLE_END = 2 ** 48 - 1;

/**
 * The blobs that one call of a plugin reads and writes in parts. When the call is over, what is open is closed, and what is
 * written and not committed is forgotten.
 */
export class BlobStreams implements Disposable {
  readonly #open = new Map<number, BlobReading | BlobWriting>();
  #counts: StreamCount | null = null;
  /** Those whose blob is looked up. */
  #opening = 0;
  #over = false;

  /** @throws AspenError `LIMIT_EXCEEDED`, `BLOB_NOT_FOUND` and the rest of `BlobStore.get` */
  async open(blobs: BlobStore, counts: StreamCount, hash: string, range: ByteRange) {
    this.#reserve(counts);
    try {
      const reading = await BlobReading.open(blobs, hash, range);
      return { handle: this.#add(reading), size: reading.size };
    } catch (error) {
      counts.open -= 1;
      throw error;
    } finally {
      this.#opening -= 1;
    }
  }

  /** @throws AspenError `LIMIT_EXCEEDED` */
  create(blobs: BlobStore, counts: StreamCount, reference: string): number {
    this.#reserve(counts);
    this.#opening -= 1;
    return this.#add(new BlobWriting(blobs, reference));
  }

  /** At most `most` bytes; none at the end. */
  read(handle: number, most: number): Promise<Uint8Array> {
    const stream = this.#open.get(handle);
    if (!(stream instanceof BlobReading)) throw hostErrors.handleUnknown("handle", handle);
    return stream.read(most);
  }

  /** Resolves when there is room for more. */
  write(handle: number, bytes: Uint8Array): Promise<void> {
    return this.#writing(handle).write(bytes);
  }

  /** The hash. The handle is used up, also when it fails. */
  async commit(handle: number): Promise<string> {
    const writing = this.#writing(handle);
    try {
      return await writing.commit();
    } finally {
      this.close(handle);
    }
  }

  /** True when it was open. What is written and not committed is forgotten. */
  close(handle: number): boolean {
    const stream = this.#open.get(handle);
    if (!stream) return false;
    this.#open.delete(handle);
    this.#end(stream);
    return true;
  }

  [Symbol.dispose](): void {
    this.#over = true;
    for (const handle of [...this.#open.keys()]) this.close(handle);
  }

  #writing(handle: number): BlobWriting {
    const stream = this.#open.get(handle);
    if (!(stream instanceof BlobWriting)) throw hostErrors.handleUnknown("handle", handle);
    return stream;
  }

  #reserve(counts: StreamCount): void {
    if (this.#open.size + this.#opening >= LIMITS.blobStreamsPerCall) {
      throw hostErrors.tooManyOf("blobs open in parts in one call", LIMITS.blobStreamsPerCall, "blob_streams_per_call");
    }
    if (counts.open >= LIMITS.blobStreamsPerPlugin) {
      throw hostErrors.tooManyOf(
        "blobs of one plugin open in parts on one node",
        LIMITS.blobStreamsPerPlugin,
        "blob_streams_per_plugin",
      );
    }
    this.#counts = counts;
    this.#opening += 1;
    counts.open += 1;
  }

  #add(stream: BlobReading | BlobWriting): number {
    let handle = randomInt(1, HANDLE_END);
    while (this.#open.has(handle)) handle = randomInt(1, HANDLE_END);
    // The call ended while the blob was looked up.
    if (this.#over) this.#end(stream);
    else this.#open.set(handle, stream);
    return handle;
  }

  #end(stream: BlobReading | BlobWriting): void {
    if (this.#counts) this.#counts.open -= 1;
    stream.end();
  }
}
