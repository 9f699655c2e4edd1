import { handlePatternMatches } from "@aspen/plugin-api";
import type { Grants } from "./caller.js";

const EVERY_METHOD = "*";

/** True when the grants name `method`, or a pattern that covers it. */
export function grantsMethod({ methods }: Grants, method: string): boolean {
  return methods.some((pattern) => covers(pattern, method));
}

/** True when `key`, which is a key or the prefix of a scan, starts with a granted prefix. */
export function grantsKey({ kvPrefixes }: Grants, key: string): boolean {
  return kvPrefixes.some((prefix) => key.startsWith(prefix));
}

/** What both grant: for every method and every key, `intersectGrants(a, b)` grants it when `a` does and `b` does. */
export function intersectGrants(a: Grants, b: Grants): Grants {
  return {
    methods: shared(a.methods, b.methods, covers),
    kvPrefixes: shared(a.kvPrefixes, b.kvPrefixes, (prefix, other) => other.startsWith(prefix)),
  };
}

/** True when `wide` grants all that `narrow` does. */
export function includesGrants(wide: Grants, narrow: Grants): boolean {
  return (
    narrow.methods.every((pattern) => grantsMethod(wide, pattern)) &&
    narrow.kvPrefixes.every((prefix) => grantsKey(wide, prefix))
  );
}

/** A pattern covers the names that it stands for, and the patterns that stand for nothing else. */
function covers(pattern: string, other: string): boolean {
  return pattern === EVERY_METHOD || handlePatternMatches(pattern, other);
}

/** Of two patterns that overlap, one covers the other: what they share is the narrower one. */
function shared(
  some: readonly string[],
  others: readonly string[],
  covers: (wide: string, narrow: string) => boolean,
): string[] {
  const within = (narrow: readonly string[], wide: readonly string[]) =>
    narrow.filter((one) => wide.some((other) => covers(other, one)));
  return [...new Set([...within(some, others), ...within(others, some)])];
}
