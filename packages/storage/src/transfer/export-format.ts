import { decodeStrictUtf8, encodeUtf8, LIMITS, writeU64 } from "@aspen/plugin-api/abi";
import { storageErrors } from "../errors.js";

/**
 * The format of an export, described in docs/export-format.md: a head, three sections (entries, blobs, namespaces)
 * of records, each compressed by gzip (RFC 1952), and a tail. Numbers are little-endian.
 */
export const MAGIC = encodeUtf8("ASPNSTOR");
export const FORMAT_VERSION = 1;
/** Magic and u32 version. */
export const HEAD_BYTES = MAGIC.length + 4;
/** Bytes of a BLAKE3 hash. */
export const HASH_BYTES = 32;
/** u64 offsets of the ends of the three sections, then BLAKE3 of everything before. */
export const TAIL_BYTES = 3 * 8 + HASH_BYTES;

export const RECORD = { entry: 1, blob: 2, part: 3, reference: 4, namespace: 5, end: 6 } as const;

/** Type and u32 length of a record. */
export const RECORD_HEAD_BYTES = 5;
/** u64 version and expiry, u16 length of the key. */
const ENTRY_HEAD_BYTES = 18;
/** Bytes of a blob's part. */
export const PART_BYTES = 1024 * 1024;
/** Bytes of the tag of a blob's reference. */
export const TAG_BYTES = 4096;

/** Most bytes of a record of each type; a longer one is refused before it is read. */
export const RECORD_LIMITS: Readonly<Record<number, number>> = {
  [RECORD.entry]: ENTRY_HEAD_BYTES + LIMITS.keyBytes + LIMITS.valueBytes,
  [RECORD.blob]: HASH_BYTES + 8,
  [RECORD.part]: PART_BYTES,
  [RECORD.reference]: TAG_BYTES,
  [RECORD.namespace]: 8 + LIMITS.keyBytes,
  [RECORD.end]: 8,
};

export interface EntryRecord {
  key: string;
  version: number;
  expiresAt: number;
  value: Uint8Array;
}

export function encodeRecord(type: number, ...parts: Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const limit = RECORD_LIMITS[type] ?? 0;
  if (length > limit) throw storageErrors.invalid("record", `has ${length} bytes, over ${limit}`);
  const head = Buffer.alloc(RECORD_HEAD_BYTES);
  head[0] = type;
  head.writeUInt32LE(length, 1);
  return Buffer.concat([head, ...parts]);
}

export function encodeEntry({ key, version, expiresAt, value }: EntryRecord): Buffer {
  const name = encodeUtf8(key);
  const head = Buffer.alloc(ENTRY_HEAD_BYTES);
  writeU64(head, version);
  writeU64(head, expiresAt, 8);
  head.writeUInt16LE(name.length, 16);
  return encodeRecord(RECORD.entry, head, name, value);
}

/** Its key is checked by whoever uses it. */
export function decodeEntry(payload: Buffer): EntryRecord {
  const end = payload.length < ENTRY_HEAD_BYTES ? -1 : ENTRY_HEAD_BYTES + payload.readUInt16LE(16);
  if (end < 0 || end > payload.length) throw storageErrors.exportInvalid("an entry is cut short");
  return {
    version: u64(payload, 0),
    expiresAt: u64(payload, 8),
    key: text(payload.subarray(ENTRY_HEAD_BYTES, end)),
    value: payload.subarray(end),
  };
}

export function encodeBlob(hash: string, size: number): Buffer {
  return encodeRecord(RECORD.blob, Buffer.from(hash, "hex"), number(size));
}

export function decodeBlob(payload: Buffer): { hash: string; size: number } {
  if (payload.length !== HASH_BYTES + 8) throw storageErrors.exportInvalid("a blob's record has a wrong length");
  return { hash: payload.toString("hex", 0, HASH_BYTES), size: u64(payload, HASH_BYTES) };
}

export function encodeNamespace(namespace: string, version: number): Buffer {
  return encodeRecord(RECORD.namespace, number(version), encodeUtf8(namespace));
}

export function decodeNamespace(payload: Buffer): { namespace: string; version: number } {
  if (payload.length < 8) throw storageErrors.exportInvalid("a namespace is cut short");
  return { version: u64(payload, 0), namespace: text(payload.subarray(8)) };
}

/** The end of a section, with the number of records before it. */
export function encodeEnd(records: number): Buffer {
  return encodeRecord(RECORD.end, number(records));
}

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  writeU64(bytes, value);
  return bytes;
}

/** @throws AspenError `EXPORT_INVALID` */
export function u64(bytes: Buffer, offset: number): number {
  const value = bytes.readBigUInt64LE(offset);
  if (value > Number.MAX_SAFE_INTEGER) throw storageErrors.exportInvalid("a number is too large");
  return Number(value);
}

/** @throws AspenError `EXPORT_INVALID` */
export function text(bytes: Uint8Array): string {
  try {
    return decodeStrictUtf8(bytes);
  } catch (error) {
    throw storageErrors.exportInvalid("a text is not UTF-8", error);
  }
}
