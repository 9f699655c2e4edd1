/** Ordered key-value and content-addressed blob stores. @module */
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
} from "./blob-store.js";
export type {
  BlobContent,
  BlobRecord,
  ChunkStore,
  ChunkUpload,
  CommitOptions,
  PartReader,
} from "./blobs/chunk-store.js";
export { ChunkedBlobStore, type ChunkedBlobStoreOptions } from "./blobs/chunked-blob-store.js";
export { blobHash } from "./blobs/hash.js";
export { CHUNK_BYTES, type Cut, Layout, type Part } from "./blobs/layout.js";
export { readMany, readManySync, readPage, readPageSync } from "./bounded-reads.js";
export { addToCounter, type UpdateOptions, updateValue } from "./counter.js";
export { EmbeddedStore, type EmbeddedStoreOptions } from "./drivers/embedded/embedded-store.js";
export { EmbeddedReader } from "./drivers/embedded/reader.js";
export { MemoryChunkStore } from "./drivers/memory/memory-chunk-store.js";
export { MemoryStore } from "./drivers/memory/memory-store.js";
export { MemoryTable } from "./drivers/memory/memory-table.js";
export type {
  RedisAddress,
  RedisClusterOptions,
  RedisSentinelOptions,
  RedisStoreOptions,
  RedisTlsOptions,
} from "./drivers/redis/options.js";
export { RedisStore } from "./drivers/redis/redis-store.js";
export { maskRedisUrl, parseRedisUrl } from "./drivers/redis/topology.js";
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
export { CheckedExport } from "./maintenance/checked-export.js";
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
export type { Store, WorkerReader } from "./store.js";
export { type Row, type Table, TableKeyValueStore } from "./table-key-value-store.js";
