/** Ordered key-value and content-addressed blob stores. @module */
export type { BlobHash, BlobStat, BlobStore, ByteRange } from "./blob-store.js";
export { blobHash, CHUNK_BYTES, ChunkedBlobStore, type ChunkStore, type ChunkUpload } from "./blobs.js";
export { EmbeddedStore, type EmbeddedStoreOptions } from "./drivers/embedded/embedded-store.js";
export { EmbeddedReader } from "./drivers/embedded/reader.js";
export { MemoryKeyValueStore } from "./drivers/memory/memory-key-value-store.js";
export { MemoryStore } from "./drivers/memory/memory-store.js";
export { RedisStore, type RedisStoreOptions } from "./drivers/redis/redis-store.js";
export { storageErrors } from "./errors.js";
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
} from "./key-value-store.js";
export { type ExportOptions, type ExportSummary, exportStore } from "./maintenance/export-store.js";
export { FINDINGS, type Finding, type FindingKind } from "./maintenance/findings.js";
export { type ImportOptions, type ImportSummary, importStore } from "./maintenance/import-store.js";
export type {
  KeyValueStats,
  MaintenanceOptions,
  NamespaceStats,
  Progress,
  Restored,
  StatsOptions,
  StoredEntry,
  StoredNamespace,
  StoreMaintenance,
  VerifyOptions,
} from "./maintenance/store-maintenance.js";
export { type StoreStats, storeStats } from "./maintenance/store-stats.js";
export { verifyStore } from "./maintenance/verify-store.js";
export { assertKeyAllowed, assertScanPrefixAllowed, NamespacedKeyValueStore } from "./namespaced.js";
export type { Store } from "./store.js";
