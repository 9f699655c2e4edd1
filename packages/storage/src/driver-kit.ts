/** What a driver of one's own is made of; `@aspen/storage/testing` has the suite that it must pass. @module */
export type {
  BlobContent,
  BlobRecord,
  ChunkStore,
  ChunkUpload,
  CommitOptions,
  PartReader,
} from "./blobs/chunk-store.js";
export { ChunkedBlobStore, type ChunkedBlobStoreOptions } from "./blobs/chunked-blob-store.js";
export { CHUNK_BYTES, type Cut, Layout, type Part } from "./blobs/layout.js";
export { MemoryChunkStore } from "./drivers/memory/memory-chunk-store.js";
export { MemoryTable } from "./drivers/memory/memory-table.js";
export type { Row } from "./kv/row.js";
export { type OrderedFrom, type Table, TableKeyValueStore, type TableOperations } from "./kv/table-key-value-store.js";
