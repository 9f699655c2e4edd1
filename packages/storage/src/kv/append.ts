import type { KeyValueStore, Op, PutOptions, Version } from "./key-value-store.js";

/** Bytes of a key that come after the prefix: a version (16 hexadecimal digits), `-`, a place (4 decimal digits). */
export const APPEND_SUFFIX_BYTES = 21;

/**
 * The key of an append: its prefix, the version of its transaction, and the place of the operation in that. The keys of
 * one prefix are in the order of the commits, as versions only grow. FoundationDB calls this a versionstamped key.
 */
export function appendedKey(prefix: string, version: Version, place: number): string {
  return `${prefix}${version.toString(16).padStart(16, "0")}-${String(place).padStart(4, "0")}`;
}

/** What an operation names: a key, or the prefix of one. */
export function targetOf(op: Op): string {
  return op.type === "append" ? op.prefix : op.key;
}

/** The key that an operation writes in a transaction that gets this version. */
export function keyOfOp(op: Op, version: Version, place: number): string {
  return op.type === "append" ? appendedKey(op.prefix, version, place) : op.key;
}

/** The keys of the appends among `ops`, for when the version is known; `ops` may change in between. */
export function appendsOf(ops: readonly Op[]): (version: Version) => string[] {
  const appends = ops.flatMap((op, place) => (op.type === "append" ? [{ prefix: op.prefix, place }] : []));
  return (version) => appends.map(({ prefix, place }) => appendedKey(prefix, version, place));
}

/** The entry that an append made. */
export interface Appended {
  key: string;
  version: Version;
}

/**
 * Stores a value under a new key that starts with `prefix` and comes after all that were appended to it before. It is a
 * transaction with one `append`.
 *
 * @throws AspenError as `transact`; after `OUTCOME_UNKNOWN` the entry may or may not be there, and trying again may make a
 * second one
 */
export async function appendValue(
  kv: Pick<KeyValueStore, "transact">,
  prefix: string,
  value: Uint8Array,
  options: PutOptions = {},
): Promise<Appended> {
  const result = await kv.transact({ checks: [], ops: [{ type: "append", prefix, value, ...options }] });
  if (!result.ok) throw new Error("a transaction without checks cannot fail one");
  return { key: result.appended[0]!, version: result.version };
}
