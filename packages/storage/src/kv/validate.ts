import { LIMITS, namespaceOf } from "@aspen/plugin-api/abi";
import { storageErrors } from "../errors.js";
import { APPEND_SUFFIX_BYTES, targetOf } from "./append.js";
import type { Check, Op, PutOptions, ScanOptions, Transaction } from "./key-value-store.js";

/** The key's UTF-8 bytes. @throws AspenError `KV_KEY_INVALID` */
export function validateKey(key: string): Buffer {
  assertKey(key);
  return Buffer.from(key, "utf8");
}

/** @throws AspenError `KV_KEY_INVALID` */
function assertKey(key: string): void {
  if (typeof key !== "string" || key.length === 0) throw storageErrors.keyInvalid(String(key), "it is empty");
  assertPrefix(key);
  const bytes = Buffer.byteLength(key);
  if (bytes > LIMITS.keyBytes) {
    throw storageErrors.keyInvalid(key, `it has ${bytes} bytes; at most ${LIMITS.keyBytes} are allowed`);
  }
}

/** A scan prefix's UTF-8 bytes; it may be empty. @throws AspenError `KV_KEY_INVALID` */
export function validatePrefix(prefix: string): Buffer {
  assertPrefix(prefix);
  return Buffer.from(prefix, "utf8");
}

/** @throws AspenError `KV_KEY_INVALID` */
function assertPrefix(prefix: string): void {
  if (typeof prefix !== "string") throw storageErrors.keyInvalid(String(prefix), "it is not a string");
  if (prefix.length > LIMITS.keyBytes) throw storageErrors.keyInvalid(prefix, `it is over ${LIMITS.keyBytes} bytes`);
  if (!prefix.isWellFormed()) throw storageErrors.keyInvalid(prefix, "it is not well-formed Unicode");
}

/** @throws AspenError `PAYLOAD_TOO_LARGE`, `INVALID_PARAMS` */
export function validateValue(key: string, value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) throw storageErrors.invalid("value", "must be bytes (a Uint8Array)");
  if (value.length > LIMITS.valueBytes) throw storageErrors.valueTooLarge(key, value.length);
}

/**
 * Milliseconds since the epoch at which an entry expires; 0 for never. By the wall clock: it is stored, and outlives
 * the process whose monotonic clock would count it.
 * @throws AspenError `INVALID_PARAMS`
 */
export function expiryOf(options: PutOptions | undefined, now: number): number {
  const ttlMs = options?.ttlMs;
  if (ttlMs === undefined) return 0;
  if (!Number.isSafeInteger(ttlMs) || ttlMs < 1 || ttlMs > Number.MAX_SAFE_INTEGER - now) {
    throw storageErrors.invalid("ttlMs", "must be a whole number of milliseconds, at least 1");
  }
  return now + ttlMs;
}

/**
 * What a compare-and-swap is asked for: the key's UTF-8 bytes, and when the next value expires.
 * @throws AspenError as {@link validateKey}, {@link validateValue} and {@link expiryOf}
 */
export function validateSwap(
  key: string,
  { expected, next, options, now }: Swap,
): { bytes: Buffer; expiresAt: number } {
  const bytes = validateKey(key);
  if (expected) validateValue(key, expected);
  if (next) validateValue(key, next);
  else if (options?.ttlMs !== undefined) {
    throw storageErrors.invalid("ttlMs", "must be left out when the entry is deleted");
  }
  return { bytes, expiresAt: expiryOf(options, now) };
}

interface Swap {
  expected: Uint8Array | null;
  next: Uint8Array | null;
  options: PutOptions | undefined;
  now: number;
}

/** The page size. @throws AspenError `INVALID_PARAMS` */
export function validateLimit(options: ScanOptions): number {
  const limit = options.limit ?? LIMITS.scanDefault;
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > LIMITS.scanMax) {
    throw storageErrors.invalid("limit", `must be a whole number from 1 to ${LIMITS.scanMax}`);
  }
  return limit;
}

/** @throws AspenError `INVALID_PARAMS` or as {@link validateKey} */
export function validateKeys(keys: readonly string[]): Buffer[] {
  if (!Array.isArray(keys)) throw storageErrors.invalid("keys", "must be an array");
  if (keys.length > LIMITS.batchOps) throw storageErrors.invalid("keys", `must be at most ${LIMITS.batchOps}`);
  return keys.map(validateKey);
}

/** The transaction's namespace; null when it is empty. @throws AspenError `CROSS_NAMESPACE`, `INVALID_PARAMS` and as above */
export function validateTransaction(transaction: Transaction): string | null {
  const checks = validateList<Check>("checks", transaction.checks);
  const ops = validateList<Op>("ops", transaction.ops);
  let namespace: string | null = null;
  for (const item of [...checks, ...ops]) {
    const own = validateTarget(item);
    if (namespace !== null && own !== namespace) throw storageErrors.crossNamespace(namespace, own);
    namespace = own;
  }
  for (const check of checks) {
    if ("version" in check) {
      if (!Number.isSafeInteger(check.version) || check.version < 1)
        throw storageErrors.invalid("version", "must be a whole number, at least 1");
    } else if (check.value !== null) validateValue(check.key, check.value);
  }
  for (const op of ops) {
    if (op.type === "put" || op.type === "append") {
      validateValue(targetOf(op), op.value);
      expiryOf(op, 0);
    } else if (op.type !== "delete") {
      throw storageErrors.invalid("type", 'of an operation must be "put", "delete" or "append"');
    }
  }
  return namespace;
}

/** The namespace of what a check or an operation names. @throws AspenError as {@link validateKey}, `INVALID_PARAMS` */
function validateTarget(item: Check | Op): string {
  if (!("type" in item) || item.type !== "append") {
    assertKey(item.key);
    return namespaceOf(item.key);
  }
  const { prefix } = item;
  assertPrefix(prefix);
  // Without it each append would be of a namespace of its own, with a version of its own.
  if (!holdsNamespace(prefix)) throw storageErrors.invalid("prefix", NAMESPACE_NEEDED);
  const length = Buffer.byteLength(prefix);
  const longest = LIMITS.keyBytes - APPEND_SUFFIX_BYTES;
  if (length > longest) {
    throw storageErrors.keyInvalid(
      prefix,
      `as a prefix of an append it has ${length} bytes; at most ${longest} are allowed`,
    );
  }
  return namespaceOf(prefix);
}

function validateList<T>(field: string, list: T[]): T[] {
  if (!Array.isArray(list)) throw storageErrors.invalid(field, "must be an array");
  if (list.length > LIMITS.batchOps) throw storageErrors.invalid(field, `must be at most ${LIMITS.batchOps}`);
  for (const item of list) {
    if (typeof item !== "object" || item === null) throw storageErrors.invalid(field, "must be objects");
  }
  return list;
}

/** What is wrong with a prefix of which {@link holdsNamespace} is false. */
export const NAMESPACE_NEEDED = 'must hold a whole namespace, such as "orders:"';

/** True when every key that starts with the prefix is of one namespace. */
export function holdsNamespace(prefix: string): boolean {
  const first = prefix.indexOf(":");
  return first >= 0 && (!prefix.startsWith("__plugin:") || prefix.indexOf(":", first + 1) >= 0);
}
