import type { BlobStore } from "../../blob-store.js";
import { ChunkedBlobStore } from "../../blobs.js";
import type { KeyValueStore } from "../../key-value-store.js";
import type { StoreMaintenance } from "../../maintenance/store-maintenance.js";
import type { Store } from "../../store.js";
import { MemoryChunkStore } from "./memory-chunk-store.js";
import { MemoryKeyValueStore } from "./memory-key-value-store.js";

/** Both primitives in this process's memory. */
export class MemoryStore implements Store {
  readonly #kv = new MemoryKeyValueStore();
  readonly kv: KeyValueStore = this.#kv;
  readonly blobs: BlobStore = new ChunkedBlobStore(new MemoryChunkStore());
  readonly maintenance: StoreMaintenance = this.#kv.maintenance();

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kv[Symbol.asyncDispose]();
    await this.blobs[Symbol.asyncDispose]();
  }
}
