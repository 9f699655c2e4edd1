import { ContainerModule, type ServiceIdentifier } from "inversify";
import type { BlobStore } from "./blobs/blob-store.js";
import type { KeyValueStore } from "./kv/key-value-store.js";
import type { Store } from "./store.js";

export const STORAGE = {
  /** What the store says of itself: its address, whether another process can have it open, how a worker reads it. */
  store: Symbol.for("@aspen/storage Store") as ServiceIdentifier<Store>,
  kv: Symbol.for("@aspen/storage KeyValueStore") as ServiceIdentifier<KeyValueStore>,
  blobs: Symbol.for("@aspen/storage BlobStore") as ServiceIdentifier<BlobStore>,
} as const;

/** Binds an open store and its two primitives. */
export function storageModule(store: Store): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(STORAGE.store).toConstantValue(store);
    bind(STORAGE.kv).toConstantValue(store.kv);
    bind(STORAGE.blobs).toConstantValue(store.blobs);
  });
}
