import { decodeStrictUtf8, encodeUtf8 } from "@aspen/plugin-api/abi";
import { Base64 } from "js-base64";
import { rpcErrors } from "./errors.js";

/** Bytes as they travel in JSON: text when they are UTF-8, base64 (RFC 4648, section 4, with padding) when they are not. */
export type WireValue = string | { base64: string };

export function toWire(bytes: Uint8Array): WireValue {
  try {
    return decodeStrictUtf8(bytes);
  } catch {
    // Not UTF-8: text would lose bytes.
    return toBase64(bytes);
  }
}

/** Bytes that are no text, or need not be looked at. */
export function toBase64(bytes: Uint8Array): { base64: string } {
  return { base64: Base64.fromUint8Array(bytes) };
}

/**
 * The bytes of a value.
 *
 * @throws AspenError `INVALID_PARAMS` for a lone surrogate in text, and for base64 that is not in its canonical form
 */
export function fromWire(value: WireValue): Uint8Array {
  if (typeof value === "string") {
    if (/\p{Surrogate}/u.test(value)) throw rpcErrors.loneSurrogate();
    return encodeUtf8(value);
  }
  const bytes = Base64.toUint8Array(value.base64);
  if (Base64.fromUint8Array(bytes) !== value.base64) throw rpcErrors.notBase64();
  return bytes;
}
