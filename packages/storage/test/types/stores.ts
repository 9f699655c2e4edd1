import { ChunkedBlobStore, MemoryChunkStore, MemoryTable, TableKeyValueStore } from "../../src/driver-kit.js";
import type { BlobStore, KeyValueStore, KvEvent, Store, SyncKvReader } from "../../src/index.js";

/** The shortest stores of one's own. */
export const kv: KeyValueStore = new TableKeyValueStore(new MemoryTable());
export const blobs: BlobStore = new ChunkedBlobStore(new MemoryChunkStore());

/** Beside the two, a store has nothing that it must have. */
export const store: Store = {
  kv,
  blobs,
  async [Symbol.asyncDispose]() {
    await kv[Symbol.asyncDispose]();
    await blobs[Symbol.asyncDispose]();
  },
};
// @ts-expect-error it cannot be closed
export const open: Store = { kv, blobs };
// @ts-expect-error a worker thread is told what to open
export const half: Store = { ...store, workerReader: { module: "./reader.js" } };

/** Some method is easily forgotten, and easily made to wait. */
// @ts-expect-error it has no watch
export const blind: KeyValueStore = { ...kv, watch: undefined };
// @ts-expect-error values are bytes
export const texts: KeyValueStore = { ...kv, get: async (key) => ({ key, value: "1", version: 1 }) };
// @ts-expect-error a worker's reader answers at once
export const slow: Pick<SyncKvReader, "get"> = { get: async () => null };

/** An event is known by its type. */
export function valueIn(event: KvEvent): Uint8Array | undefined {
  // @ts-expect-error a deletion has no value
  if (event.value) return;
  return event.type === "entry" || event.type === "put" ? event.value : undefined;
}
