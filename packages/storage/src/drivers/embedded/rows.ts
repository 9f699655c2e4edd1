import { readU64, writeU64 } from "@aspen/plugin-api/abi";

/** A row as LMDB keeps it: version (u64), expiry in ms since the epoch or 0 (u64), both little-endian, then the value. */
export const HEADER_BYTES = 16;

export interface Row {
  version: number;
  expiresAt: number;
  value: Uint8Array;
}

export function encodeRow({ version, expiresAt, value }: Row): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + value.length);
  writeU64(bytes, version);
  writeU64(bytes, expiresAt, 8);
  bytes.set(value, HEADER_BYTES);
  return bytes;
}

/** The row, its value copied; null when there is none or it has expired. */
export function decodeRow(bytes: Uint8Array | undefined, now: number, withValue = true): Row | null {
  if (!bytes) return null;
  const expiresAt = readU64(bytes, 8);
  if (expiresAt !== 0 && expiresAt <= now) return null;
  return {
    version: readU64(bytes),
    expiresAt,
    value: withValue ? new Uint8Array(bytes.subarray(HEADER_BYTES)) : new Uint8Array(0),
  };
}

/** True when the row's time is over; false also for what cannot be read, which `verify` tells. */
export function isExpired(bytes: Uint8Array, now: number): boolean {
  try {
    return decodeRow(bytes, now, false) === null;
  } catch {
    // A RangeError: no number is where one should be.
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
