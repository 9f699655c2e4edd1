import { isAspenError, LIMITS } from "@aspen/plugin-api/abi";
import { storageErrors } from "../errors.js";
import type { ScanOptions } from "./key-value-store.js";
import { validateKey } from "./validate.js";

/** Characters of the longest cursor: prefix and key in JSON, where a byte takes at most six, and that in base64. */
const CURSOR_CHARACTERS = Math.ceil(((2 * 6 * LIMITS.keyBytes + 16) * 4) / 3);

/** An opaque cursor: the last key of a page, bound to the scan's prefix and direction. */
export function encodeCursor(options: ScanOptions, lastKey: string): string {
  return Buffer.from(JSON.stringify([options.prefix, options.reverse ? 1 : 0, lastKey]), "utf8").toString("base64url");
}

/**
 * The cursor with which a scan goes on behind a key, whether or not there is such a key. Every store takes it that passes
 * the conformance suite.
 *
 * @throws AspenError `CURSOR_INVALID` when the key does not start with the scan's prefix, `KV_KEY_INVALID`
 */
export function scanCursorAfter(options: Pick<ScanOptions, "prefix" | "reverse">, key: string): string {
  validateKey(key);
  if (!key.startsWith(options.prefix)) throw storageErrors.cursorInvalid();
  return encodeCursor(options, key);
}

/** The key after which the scan goes on; null without a cursor. @throws AspenError `CURSOR_INVALID` */
export function decodeCursor(options: ScanOptions): string | null {
  const { after } = options;
  if (after === undefined) return null;
  if (typeof after !== "string" || after.length > CURSOR_CHARACTERS) throw storageErrors.cursorInvalid();
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(after, "base64url").toString("utf8"));
  } catch {
    // Bytes that are no JSON were not made by encodeCursor.
    throw storageErrors.cursorInvalid();
  }
  if (!Array.isArray(parts) || parts.length !== 3) throw storageErrors.cursorInvalid();
  const [prefix, reverse, key] = parts as unknown[];
  const fits = prefix === options.prefix && reverse === (options.reverse ? 1 : 0);
  if (!fits || typeof key !== "string" || !key.startsWith(options.prefix) || !isKey(key))
    throw storageErrors.cursorInvalid();
  return key;
}

function isKey(text: string): boolean {
  try {
    validateKey(text);
    return true;
  } catch (error) {
    if (isAspenError(error)) return false;
    throw error;
  }
}
