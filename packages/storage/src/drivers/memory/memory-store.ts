import type { BlobStore } from "../../blobs/blob-store.js";
import { ChunkedBlobStore } from "../../blobs/chunked-blob-store.js";
import type { KeyValueStore } from "../../kv/key-value-store.js";
import { TableKeyValueStore } from "../../kv/table-key-value-store.js";
import type { StoreMaintenance } from "../../maintenance/contract.js";
import type { Store } from "../../store.js";
import { MemoryChunkStore } from "./memory-chunk-store.js";
import { MemoryMaintenance } from "./memory-maintenance.js";
import { MemoryTable } from "./memory-table.js";

/** Both primitives in this process's memory. */
export class MemoryStore implements Store {
  readonly address = "memory";
  readonly exclusive = true;
  readonly #table = new MemoryTable();
  readonly #kv = new TableKeyValueStore(this.#table);
  readonly kv: KeyValueStore = this.#kv;
  readonly blobs: BlobStore = new ChunkedBlobStore(new MemoryChunkStore());
  readonly maintenance: StoreMaintenance = new MemoryMaintenance(this.#table, this.#kv.operations());

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kv[Symbol.asyncDispose]();
    await this.blobs[Symbol.asyncDispose]();
  }
}
