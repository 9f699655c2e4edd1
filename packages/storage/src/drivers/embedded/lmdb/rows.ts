import { crc32 } from "node:zlib";
import { readU64, writeU64 } from "@aspen/plugin-api/abi";
import { copyOf } from "../../../bytes.js";
import type { Row } from "../../../kv/row.js";

/**
 * A row as LMDB keeps it: version (u64), expiry in ms since the epoch or 0 (u64), CRC-32 (IEEE 802.3) of these two and the
 * value (u32), all little-endian, then the value. LMDB itself has no checksums.
 */
const CHECKSUM_AT = 16;
export const HEADER_BYTES = 20;

const NO_BYTES = new Uint8Array(0);

export function encodeRow({ version, expiresAt, value }: Row): Buffer {
  const row = prepareRow(value, expiresAt);
  completeRow(row, version);
  return row;
}

/** A row, its value copied, that has no version yet. */
export function prepareRow(value: Uint8Array, expiresAt: number): Buffer {
  const row = Buffer.allocUnsafe(HEADER_BYTES + value.length);
  writeU64(row, expiresAt, 8);
  row.set(value, HEADER_BYTES);
  return row;
}

/** Makes of what {@link prepareRow} gave a row of this version. */
export function completeRow(row: Buffer, version: number): void {
  writeU64(row, version);
  row.writeUInt32LE(checksum(row, row.subarray(HEADER_BYTES)), CHECKSUM_AT);
}

/** The row, its value copied; null when there is none or it has expired. */
export function decodeRow(bytes: Buffer | undefined, now: number, withValue = true): Row | null {
  if (!bytes) return null;
  const expiresAt = readU64(bytes, 8);
  if (expiresAt !== 0 && expiresAt <= now) return null;
  return { version: readU64(bytes), expiresAt, value: withValue ? copyOf(bytes, HEADER_BYTES) : NO_BYTES };
}

/** True when the row is as it was written. Reads do not check that: they would take twice as long. */
export function isIntact(bytes: Buffer): boolean {
  return (
    bytes.length >= HEADER_BYTES && bytes.readUInt32LE(CHECKSUM_AT) === checksum(bytes, bytes.subarray(HEADER_BYTES))
  );
}

function checksum(header: Buffer, value: Uint8Array): number {
  return crc32(value, crc32(header.subarray(0, CHECKSUM_AT)));
}

/** True when the row has expired; false also for a row that cannot be read, which `verify` reports. */
export function isExpired(bytes: Buffer, now: number): boolean {
  try {
    return decodeRow(bytes, now, false) === null;
  } catch {
    // A RangeError: the row holds no safe number where one should be.
    return false;
  }
}

/** A key in the list of expiries: when (ms since the epoch, big-endian), then the row's key. */
export function expiryKey(expiresAt: number, key: Uint8Array): Buffer {
  const bytes = Buffer.alloc(8 + key.length);
  bytes.writeBigUInt64BE(BigInt(expiresAt));
  bytes.set(key, 8);
  return bytes;
}
