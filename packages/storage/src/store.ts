import type { BlobStore } from "./blobs/blob-store.js";
import type { KeyValueStore, SyncKvReader } from "./kv/key-value-store.js";
import type { StoreMaintenance } from "./maintenance/contract.js";

/** The two primitives that hold all state. Disposing it closes both. */
export interface Store extends AsyncDisposable {
  readonly kv: KeyValueStore;
  readonly blobs: BlobStore;
  /** Work on the whole store, for operators' tools; a driver may leave it out. */
  readonly maintenance?: StoreMaintenance;
  /** Where it is, without passwords, for people: `embedded:/srv/aspen`, `redis://db:6379`. @default "custom" */
  readonly address?: string;
  /** No other process can have it open while this one has. @default false */
  readonly exclusive?: boolean;
  /** How a worker thread reads it without waiting for this thread. @default every read goes to this thread */
  readonly workerReader?: WorkerReader;
  /** How a worker thread opens the whole store for itself. Holds passwords. @default it cannot */
  readonly workerStore?: WorkerStore;
}

/** Tells a worker thread how to open a store with connections of its own. It is sent there as it is. */
export interface WorkerStore {
  /** An ES module with the exports of {@link WorkerStoreModule}: a URL, or a name that `@aspen/jobs` can import. */
  readonly module: string;
  /** What `openWorkerStore` gets; anything that can be cloned into a thread. */
  readonly data: unknown;
}

/** What the module of a {@link WorkerStore} exports. */
export interface WorkerStoreModule {
  openWorkerStore(data: unknown): Promise<Store>;
}

/** Tells a worker thread how to open a view of its own. It is sent there as it is. */
export interface WorkerReader {
  /**
   * An ES module with the exports of {@link WorkerReaderModule}, by URL (`import.meta.resolve` and
   * `new URL("./reader.js", import.meta.url).href` make one), or by a name that `@aspen/wasm-plugin` can import.
   */
  readonly module: string;
  /** What `openWorkerReader` gets; anything that can be cloned into a thread. */
  readonly data: unknown;
}

/** What the module of a {@link WorkerReader} exports. */
export interface WorkerReaderModule {
  /** Is called once in each worker thread, when it starts. */
  openWorkerReader(data: unknown): Promise<SyncKvReader> | SyncKvReader;
}
