import { once } from "node:events";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { encodeUtf8, isAspenError } from "@aspen/plugin-api/abi";
import { Hasher } from "../blobs/hash.js";
import { storageErrors } from "../errors.js";
import { blobBytes } from "../maintenance/blob-bytes.js";
import type { MaintenanceOptions } from "../maintenance/contract.js";
import { throwIfCancelled } from "../maintenance/signal.js";
import { maintenanceOf } from "../maintenance/verify.js";
import type { Store } from "../store.js";
import {
  encodeBlob,
  encodeEnd,
  encodeEntry,
  encodeNamespace,
  encodeRecord,
  FORMAT_VERSION,
  MAGIC,
  number,
  PART_BYTES,
  RECORD,
} from "./export-format.js";
import { IMPORT_MARK, readMark } from "./import-mark.js";

/** Fast; what compresses well does so at any level. */
const GZIP_LEVEL = 1;

/** What went into an export. */
export interface ExportSummary {
  entries: number;
  namespaces: number;
  blobs: number;
  /** Of the blobs' contents. */
  blobBytes: number;
  /** Of the file. */
  bytes: number;
  /** BLAKE3 of the file without its last 32 bytes, which are this. */
  checksum: string;
}

export interface ExportOptions extends MaintenanceOptions {
  /** Told what was exported, at the end. */
  onSummary?: (summary: ExportSummary) => void;
}

/**
 * The whole store as the bytes of one file; see docs/export-format.md. Memory use is constant. On a store that is
 * written to, entries are as consistent as `StoreMaintenance.entries` says; blobs are read after them, and the
 * versions of namespaces last, so that none of the entries is newer.
 *
 * @throws AspenError (from the loop) `CANCELLED`; `BLOB_CORRUPT` and `STORE_INCONSISTENT` for what cannot be read, and
 * for a store into which an import was not finished
 */
export async function* exportStore(store: Store, options: ExportOptions = {}): AsyncGenerator<Uint8Array> {
  throwIfCancelled(options.signal, "the export");
  if ((await readMark(store.kv)) !== null) throw storageErrors.importUnfinished();
  const hasher = new Hasher();
  const summary: ExportSummary = { entries: 0, namespaces: 0, blobs: 0, blobBytes: 0, bytes: 0, checksum: "" };
  const counted = (bytes: Buffer): Buffer => {
    hasher.update(bytes);
    summary.bytes += bytes.length;
    return bytes;
  };
  const version = Buffer.alloc(4);
  version.writeUInt32LE(FORMAT_VERSION);
  yield counted(Buffer.concat([MAGIC, version]));
  const ends: Buffer[] = [];
  for (const section of [entries, blobs, namespaces]) {
    for await (const bytes of compressed(withEnd(section(store, summary, options)))) yield counted(bytes);
    ends.push(number(summary.bytes));
  }
  yield counted(Buffer.concat(ends));
  const checksum = hasher.digestBytes();
  summary.checksum = checksum.toString("hex");
  summary.bytes += checksum.length;
  yield checksum;
  options.onSummary?.(summary);
}

type Section = (store: Store, summary: ExportSummary, options: ExportOptions) => AsyncGenerator<Buffer>;

const entries: Section = async function* (store, summary, options) {
  for await (const entry of maintenanceOf(store).entries(options)) {
    if (entry.key === IMPORT_MARK) continue;
    summary.entries += 1;
    yield encodeEntry(entry);
  }
};

const namespaces: Section = async function* (store, summary, options) {
  for await (const { namespace, version } of maintenanceOf(store).namespaces(options)) {
    summary.namespaces += 1;
    yield encodeNamespace(namespace, version);
  }
};

const blobs: Section = async function* (store, summary, { signal, onProgress }) {
  const total = onProgress ? await blobBytes(store.blobs, signal) : null;
  for await (const { hash, size } of store.blobs.list()) {
    throwIfCancelled(signal, "the export");
    const parts = await store.blobs.get(hash).catch((error: unknown) => {
      // Deleted since it was listed.
      if (isAspenError(error) && error.code === "BLOB_NOT_FOUND") return null;
      throw error;
    });
    if (!parts) continue;
    yield encodeBlob(hash, size);
    for await (const part of parts) {
      throwIfCancelled(signal, "the export");
      for (let at = 0; at < part.length; at += PART_BYTES) {
        yield encodeRecord(RECORD.part, part.subarray(at, at + PART_BYTES));
      }
      summary.blobBytes += part.length;
      onProgress?.({ phase: "blobs", done: summary.blobBytes, total, unit: "bytes" });
    }
    for (const tag of await store.blobs.references(hash).catch(noneIfGone)) {
      yield encodeRecord(RECORD.reference, encodeUtf8(tag));
    }
    summary.blobs += 1;
  }
};

/** Of a blob that was deleted since. */
function noneIfGone(error: unknown): string[] {
  if (isAspenError(error) && error.code === "BLOB_NOT_FOUND") return [];
  throw error;
}

async function* withEnd(records: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let count = 0;
  for await (const record of records) {
    yield record;
    count += 1;
  }
  yield encodeEnd(count);
}

async function* compressed(records: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const gzip = createGzip({ level: GZIP_LEVEL });
  const source = Readable.from(records, { objectMode: true, highWaterMark: 4 });
  source.on("error", (error) => gzip.destroy(error));
  try {
    for await (const bytes of source.pipe(gzip)) yield bytes as Buffer;
  } finally {
    // Ended early by an error or by whoever reads: the store is not read on.
    if (!source.destroyed) {
      source.destroy();
      if (!source.closed) await once(source, "close");
    }
  }
}
