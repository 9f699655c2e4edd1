import { decodeStrictUtf8, namespaceOf } from "@aspen/plugin-api/abi";
import { storageErrors } from "../errors.js";
import type { Version } from "../kv/key-value-store.js";
import { validateKey, validateValue } from "../kv/validate.js";
import { RESTORE_BYTES, RESTORE_ENTRIES, type StoredEntry } from "./contract.js";

/** The namespace of entries that may be restored together; null when there are none. @throws AspenError as `restore` */
export function validateRestore(entries: readonly Omit<StoredEntry, "version">[]): string | null {
  if (entries.length > RESTORE_ENTRIES) throw storageErrors.invalid("entries", `must be at most ${RESTORE_ENTRIES}`);
  let namespace: string | null = null;
  let bytes = 0;
  for (const { key, value, expiresAt } of entries) {
    validateKey(key);
    validateValue(key, value);
    if (!Number.isSafeInteger(expiresAt) || expiresAt < 0) {
      throw storageErrors.invalid("expiresAt", "must be milliseconds since the epoch, or 0");
    }
    const own = namespaceOf(key);
    if (namespace !== null && own !== namespace) throw storageErrors.crossNamespace(namespace, own);
    namespace = own;
    bytes += value.length;
  }
  if (entries.length > 1 && bytes > RESTORE_BYTES) {
    throw storageErrors.invalid("entries", `must have at most ${RESTORE_BYTES} bytes of values`);
  }
  return namespace;
}

/** @throws AspenError `KV_KEY_INVALID`, `INVALID_PARAMS` */
export function validateNamespaceVersion(namespace: string, version: Version): void {
  validateKey(namespace);
  if (namespaceOf(namespace) !== namespace) throw storageErrors.invalid("namespace", "must be a whole namespace");
  // One is left for the next write.
  if (!Number.isSafeInteger(version) || version < 0 || version >= Number.MAX_SAFE_INTEGER) {
    throw storageErrors.invalid("version", "must be a version, a whole number");
  }
}

/** True for a name that keys can have as their namespace. */
export function isNamespace(name: string): boolean {
  try {
    validateNamespaceVersion(name, 0);
    return true;
  } catch {
    // The reason is that it is none.
    return false;
  }
}

/** The text of bytes; null when they are no UTF-8. */
export function strictUtf8(bytes: Uint8Array): string | null {
  try {
    return decodeStrictUtf8(bytes);
  } catch {
    // Said by null.
    return null;
  }
}

/** The key of a row's bytes, when a node can have written it in this namespace (any, when it is left out). */
export function keyIn(bytes: Uint8Array, namespace?: string): string | null {
  const key = strictUtf8(bytes);
  if (key === null) return null;
  try {
    validateKey(key);
  } catch {
    // Said by null.
    return null;
  }
  return namespace === undefined || namespaceOf(key) === namespace ? key : null;
}
