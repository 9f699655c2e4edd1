/** Ordered key-value and content-addressed blob stores: the contracts, and what needs no driver. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export {
  type BlobHash,
  type BlobStat,
  type BlobStore,
  type ByteRange,
  type CollectedGarbage,
  type CollectGarbageOptions,
  DEFAULT_GRACE_MS,
  type ListBlobsOptions,
  MAX_REFERENCES,
  MIN_GRACE_MS,
  type PutBlobOptions,
  TAG_BYTES,
} from "./blobs/blob-store.js";
export { blobHash } from "./blobs/hash.js";
export { storageErrors } from "./errors.js";
export { type Appended, appendedKey, appendValue } from "./kv/append.js";
export { readMany, readManySync, readPage, readPageSync } from "./kv/bounded-reads.js";
export { addToCounter, type UpdateOptions, updateValue } from "./kv/counter.js";
export { scanCursorAfter } from "./kv/cursor.js";
export type {
  CasResult,
  Check,
  KeyValueStore,
  KvEntry,
  KvEvent,
  Op,
  PutOptions,
  ScanOptions,
  ScanPage,
  SyncKvReader,
  Transaction,
  TxResult,
  Version,
  WatchOptions,
} from "./kv/key-value-store.js";
export { assertKeyAllowed, assertScanPrefixAllowed, NamespacedKeyValueStore } from "./kv/namespaced.js";
export type { Store, WorkerReader, WorkerReaderModule, WorkerStore, WorkerStoreModule } from "./store.js";
