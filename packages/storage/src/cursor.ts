import { storageErrors } from "./errors.js";
import type { ScanOptions } from "./key-value-store.js";

/** An opaque cursor: the last key of a page, bound to the scan's prefix and direction. */
export function encodeCursor(options: ScanOptions, lastKey: string): string {
  return Buffer.from(JSON.stringify([options.prefix, options.reverse ? 1 : 0, lastKey]), "utf8").toString("base64url");
}

/** The key after which the scan goes on; null without a cursor. @throws AspenError `CURSOR_INVALID` */
export function decodeCursor(options: ScanOptions): string | null {
  if (options.after === undefined) return null;
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(options.after, "base64url").toString("utf8"));
  } catch {
    // Bytes that are no JSON were not made by encodeCursor.
    throw storageErrors.cursorInvalid();
  }
  if (!Array.isArray(parts) || parts.length !== 3) throw storageErrors.cursorInvalid();
  const [prefix, reverse, key] = parts as unknown[];
  const fits = prefix === options.prefix && reverse === (options.reverse ? 1 : 0);
  if (!fits || typeof key !== "string" || !key.startsWith(options.prefix)) throw storageErrors.cursorInvalid();
  return key;
}
