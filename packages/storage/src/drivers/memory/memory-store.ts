import type { BlobStore } from "../../blob-store.js";
import { ChunkedBlobStore } from "../../blobs/chunked-blob-store.js";
import type { KeyValueStore } from "../../key-value-store.js";
import type { Store } from "../../store.js";
import { TableKeyValueStore } from "../../table-key-value-store.js";
import { MemoryChunkStore } from "./memory-chunk-store.js";
import { MemoryTable } from "./memory-table.js";

/** Both primitives in this process's memory. */
export class MemoryStore implements Store {
  readonly kv: KeyValueStore = new TableKeyValueStore(new MemoryTable());
  readonly blobs: BlobStore = new ChunkedBlobStore(new MemoryChunkStore());

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kv[Symbol.asyncDispose]();
    await this.blobs[Symbol.asyncDispose]();
  }
}
