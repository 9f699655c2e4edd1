import type { BlobStore } from "./blob-store.js";
import type { KeyValueStore } from "./key-value-store.js";
import type { StoreMaintenance } from "./maintenance/store-maintenance.js";

/** The two primitives that hold all state. Disposing it closes both. */
export interface Store extends AsyncDisposable {
  readonly kv: KeyValueStore;
  readonly blobs: BlobStore;
  /** Work on the whole store, for operators' tools; a driver may leave it out. */
  readonly maintenance?: StoreMaintenance;
}
