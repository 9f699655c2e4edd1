import { eventLogPrefix, namespaceOf, quoted } from "@aspen/plugin-api";
import { appendedKey, type KvEntry, type Version } from "@aspen/storage";
import { layersErrors } from "../errors.js";

/** What the events of a namespace begin with: `app:__events:` for `app:`. */
export function eventPrefix(namespace: string): string {
  return `${eventLogPrefix(namespace)}:`;
}

/** Where a namespace keeps up to where its events were trimmed. */
export function trimmedKey(namespace: string): string {
  return `${eventLogPrefix(namespace)}-trimmed`;
}

/** How a place ends that is behind a whole version: a transaction has no such operation. */
export const LAST_PLACE = "-9999";

/** A place in a namespace's log behind everything that was committed up to a version. It is good as a cursor. */
export function placeBehind(namespace: string, version: Version): string {
  return appendedKey(eventPrefix(namespace), version, 9999);
}

/** What `append` puts behind the prefix. */
const SUFFIX = /^[0-9a-f]{16}-[0-9]{4}$/;

/**
 * True for what an append made, or an import brought back under a later version. Anybody who may write to the namespace
 * can put something else there; a key from the future would make a follower skip what is appended until then.
 */
export function isEventEntry(namespace: string, { key, version }: Pick<KvEntry, "key" | "version">): boolean {
  return isEventId(namespace, key) && Number.parseInt(key.slice(-21, -5), 16) <= version;
}

export function isEventId(namespace: string, id: unknown): id is string {
  const prefix = eventPrefix(namespace);
  return typeof id === "string" && id.startsWith(prefix) && SUFFIX.test(id.slice(prefix.length));
}

/** @throws AspenError `INVALID_PARAMS` unless it is a whole namespace, such as `app:` */
export function assertNamespace(namespace: string): void {
  if (typeof namespace !== "string" || !namespace.endsWith(":") || namespaceOf(eventPrefix(namespace)) !== namespace) {
    throw layersErrors.invalid(
      "namespace",
      `must be a whole namespace, such as "app:", not ${quoted(String(namespace))}`,
    );
  }
}
