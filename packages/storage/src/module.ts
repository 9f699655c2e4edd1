import { ContainerModule, type ServiceIdentifier } from "inversify";
import type { BlobStore } from "./blobs/blob-store.js";
import type { KeyValueStore } from "./kv/key-value-store.js";
import type { Store } from "./store.js";

export const STORAGE = {
  kv: Symbol.for("@aspen/storage KeyValueStore") as ServiceIdentifier<KeyValueStore>,
  blobs: Symbol.for("@aspen/storage BlobStore") as ServiceIdentifier<BlobStore>,
} as const;

/** Binds an open store's two primitives. */
export function storageModule(store: Store): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind(STORAGE.kv).toConstantValue(store.kv);
    bind(STORAGE.blobs).toConstantValue(store.blobs);
  });
}
