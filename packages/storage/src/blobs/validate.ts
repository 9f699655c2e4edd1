import { encodeUtf8 } from "@aspen/plugin-api/abi";
import { storageErrors } from "../errors.js";
import { type ByteRange, type CollectGarbageOptions, DEFAULT_GRACE_MS, MIN_GRACE_MS, TAG_BYTES } from "./blob-store.js";

const NOT_IN_TAGS = /\p{Surrogate}|\p{Control}/u;

/** @throws AspenError `BLOB_HASH_INVALID` */
export function validateHash(hash: string): void {
  if (typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash)) throw storageErrors.blobHashInvalid(String(hash));
}

/** @throws AspenError `INVALID_PARAMS` */
export function validateTag(tag: string): void {
  if (typeof tag !== "string" || tag.length === 0 || tag.length > TAG_BYTES || encodeUtf8(tag).length > TAG_BYTES) {
    throw storageErrors.invalid("tag", `must be a text of 1 to ${TAG_BYTES} bytes`);
  }
  if (NOT_IN_TAGS.test(tag)) {
    throw storageErrors.invalid("tag", "must be well-formed Unicode without control characters");
  }
}

/** The first byte and the one after the last. @throws AspenError `INVALID_PARAMS` */
export function validateRange(range: ByteRange | undefined, size: number): { start: number; end: number } {
  const start = range?.start ?? 0;
  const end = range?.end ?? size;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end || start > size) {
    throw storageErrors.invalid("range", `must lie within the blob's ${size} bytes, start before end`);
  }
  return { start, end: Math.min(end, size) };
}

/** @throws AspenError `INVALID_PARAMS` */
export function validateMaxBytes(maxBytes: number): void {
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 0) {
    throw storageErrors.invalid("maxBytes", "must be a whole number, at least 0");
  }
}

/** @throws AspenError `INVALID_PARAMS` */
export function validateGrace({ graceMs = DEFAULT_GRACE_MS }: CollectGarbageOptions): number {
  if (!Number.isSafeInteger(graceMs) || graceMs < MIN_GRACE_MS) {
    throw storageErrors.invalid("graceMs", `must be a whole number of milliseconds, at least ${MIN_GRACE_MS}`);
  }
  return graceMs;
}
