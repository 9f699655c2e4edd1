import type { BlobStore } from "./blob-store.js";
import type { KeyValueStore } from "./key-value-store.js";

/** The two primitives that hold all state. Disposing it closes both. */
export interface Store extends AsyncDisposable {
  readonly kv: KeyValueStore;
  readonly blobs: BlobStore;
}
