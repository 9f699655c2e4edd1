import { storageErrors } from "../errors.js";

/** Buffers of one chunk that are used again, because fresh memory costs more than what is done with it. */
export class ChunkBuffers {
  readonly #free: Uint8Array[] = [];

  constructor(readonly chunkBytes: number) {}

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(new ArrayBuffer(this.chunkBytes));
  }

  /** Takes back a chunk that nobody reads any more. */
  give(chunk: Uint8Array): void {
    this.#free.push(new Uint8Array(chunk.buffer));
  }
}

/** Cuts bytes or a stream of them into chunks of the buffers' size, the last one shorter; all are copies. */
export async function* rechunk(
  data: Uint8Array | AsyncIterable<Uint8Array>,
  buffers: ChunkBuffers,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { chunkBytes } = buffers;
  let chunk = buffers.take();
  let filled = 0;
  for await (const piece of data instanceof Uint8Array ? [data] : data) {
    if (!(piece instanceof Uint8Array)) throw storageErrors.invalid("data", "must be bytes, or a stream of them");
    for (let at = 0; at < piece.length; ) {
      const take = Math.min(piece.length - at, chunkBytes - filled);
      // Copied: what is hashed must be what is stored, whatever the source does with its bytes meanwhile.
      chunk.set(piece.subarray(at, at + take), filled);
      filled += take;
      at += take;
      if (filled < chunkBytes) continue;
      yield chunk;
      chunk = buffers.take();
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
