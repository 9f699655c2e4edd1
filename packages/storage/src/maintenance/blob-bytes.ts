import type { BlobStore } from "../blobs/blob-store.js";
import { throwIfCancelled } from "./signal.js";

/** Bytes of all blobs. */
export async function blobBytes(blobs: BlobStore, signal: AbortSignal | undefined): Promise<number> {
  let bytes = 0;
  for await (const { size } of blobs.list()) {
    throwIfCancelled(signal, "listing the blobs");
    bytes += size;
  }
  return bytes;
}
