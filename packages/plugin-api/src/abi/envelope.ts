import { decodeStrictUtf8, encodeUtf8 } from "./utf8.js";

/** A JSON header with bytes attached behind it; the header says how long each attachment is. */
export interface Envelope<H> {
  header: H;
  attachments: Uint8Array;
}

/** Encodes `[header length: u32 little-endian][header JSON][attachments, one after the other]`. */
export function encodeEnvelope(header: unknown, attachments: readonly Uint8Array[] = []): Uint8Array {
  const json = encodeUtf8(JSON.stringify(header));
  let length = 4 + json.length;
  for (const part of attachments) length += part.length;
  const out = new Uint8Array(length);
  writeU32(out, json.length);
  out.set(json, 4);
  let offset = 4 + json.length;
  for (const part of attachments) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** @throws RangeError when the header length lies outside the bytes; SyntaxError or TypeError when the header is not JSON in UTF-8. */
export function decodeEnvelope<H = unknown>(bytes: Uint8Array): Envelope<H> {
  if (bytes.length < 4) throw new RangeError("an envelope has at least 4 bytes");
  const length = readU32(bytes);
  if (length > bytes.length - 4) throw new RangeError("an envelope's header is longer than its bytes");
  return {
    header: JSON.parse(decodeStrictUtf8(bytes.subarray(4, 4 + length))) as H,
    attachments: bytes.subarray(4 + length),
  };
}

/** Cuts attachments off an envelope one after the other. */
export class AttachmentReader {
  #offset = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** @throws RangeError when `length` is not a whole number or goes past the end. */
  next(length: number): Uint8Array {
    if (!Number.isSafeInteger(length) || length < 0 || length > this.bytes.length - this.#offset) {
      throw new RangeError("an attachment's length lies outside the envelope");
    }
    const part = this.bytes.slice(this.#offset, this.#offset + length);
    this.#offset += length;
    return part;
  }
}

/** @throws RangeError when `value` is not a whole number from 0 to 2^53-1, or `out` has no 8 bytes at `offset`. */
export function writeU64(out: Uint8Array, value: number, offset = 0): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a whole number up to 2^53-1`);
  requireU64(out, offset);
  const low = value % 0x1_0000_0000;
  writeU32(out, low, offset);
  writeU32(out, (value - low) / 0x1_0000_0000, offset + 4);
}

/** @throws RangeError when `bytes` has no 8 bytes at `offset`, or they hold more than 2^53-1. */
export function readU64(bytes: Uint8Array, offset = 0): number {
  requireU64(bytes, offset);
  const value = readU32(bytes, offset) + readU32(bytes, offset + 4) * 0x1_0000_0000;
  if (value > Number.MAX_SAFE_INTEGER) throw new RangeError("a number is larger than 2^53-1");
  return value;
}

function requireU64(bytes: Uint8Array, offset: number): void {
  if (offset < 0 || offset + 8 > bytes.length) throw new RangeError("a number's 8 bytes lie outside the bytes given");
}

function writeU32(out: Uint8Array, value: number, offset = 0): void {
  out[offset] = value & 255;
  out[offset + 1] = (value >>> 8) & 255;
  out[offset + 2] = (value >>> 16) & 255;
  out[offset + 3] = (value >>> 24) & 255;
}

function readU32(bytes: Uint8Array, offset = 0): number {
  return (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0;
}
