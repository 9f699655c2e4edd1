import { setTimeout as delay } from "node:timers/promises";
import { isAspenError } from "@aspen/plugin-api/abi";
import type { BlobStat, BlobStore } from "../blobs/blob-store.js";
import { storageErrors } from "../errors.js";
import type { Store } from "../store.js";
import { IMPORT_MARK } from "../transfer/import-mark.js";
import { blobBytes } from "./blob-bytes.js";
import type { StoreMaintenance, VerifyOptions } from "./contract.js";
import { type Finding, finding, isMended } from "./findings.js";
import { throwIfCancelled } from "./signal.js";

/** Readings after which a blob counts as corrupt, and milliseconds by which the pause between them grows. */
const ATTEMPTS = 5;
const RETRY_MS = 20;

/** @throws AspenError `INVALID_PARAMS` for a driver without maintenance */
export function maintenanceOf(store: Store): StoreMaintenance {
  if (store.maintenance) return store.maintenance;
  throw storageErrors.invalid("store", "must be of a driver that offers maintenance");
}

/**
 * Tells everything that is wrong with a store: with its keys, then with its blobs, of which each is read to its end.
 * Memory use is constant.
 * @throws AspenError `CANCELLED`, `STORE_UNAVAILABLE`
 */
export async function* verifyStore(store: Store, options: VerifyOptions = {}): AsyncGenerator<Finding> {
  const maintenance = maintenanceOf(store);
  throwIfCancelled(options.signal, "verifying");
  yield* maintenance.verify(options);
  if (await store.kv.get(IMPORT_MARK).catch(unreadable)) yield finding("import-unfinished", IMPORT_MARK, false);
  yield* verifyBlobs(store.blobs, options);
}

/** A mark that cannot be read was told as an undecodable row. */
function unreadable(error: unknown): null {
  if ((error as Error).name === "RangeError") return null;
  throw error;
}

async function* verifyBlobs(blobs: BlobStore, options: VerifyOptions): AsyncGenerator<Finding> {
  const { signal, onProgress } = options;
  const total = onProgress ? await blobBytes(blobs, signal) : null;
  let done = 0;
  for await (const stat of blobs.list()) {
    const corrupt = await isCorrupt(blobs, stat, signal, (bytes) => {
      done += bytes;
      onProgress?.({ phase: "blobs", done, total, unit: "bytes" });
    });
    if (!corrupt) continue;
    const mended = isMended("blob-corrupt", options);
    if (mended) await blobs.delete(stat.hash);
    yield finding("blob-corrupt", stat.hash, mended);
  }
}

async function isCorrupt(
  blobs: BlobStore,
  { hash }: BlobStat,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<boolean> {
  // One that is deleted, or deleted and put again, while it is read looks corrupt; then it is looked at again.
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      for await (const part of await blobs.get(hash)) {
        if (attempt === 0) onBytes(part.length);
        throwIfCancelled(signal, "verifying");
      }
      return false;
    } catch (error) {
      if (!isAspenError(error)) throw error;
      if (error.code === "BLOB_NOT_FOUND") return false;
      if (error.code !== "BLOB_CORRUPT") throw error;
      throwIfCancelled(signal, "verifying");
      await delay(RETRY_MS * attempt);
    }
  }
  return true;
}
