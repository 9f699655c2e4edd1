import { namespaceOf } from "@aspen/plugin-api/abi";
import { storageErrors } from "../errors.js";
import type { KeyValueStore, KvEvent, ScanPage, Version, WatchOptions } from "./key-value-store.js";
import { holdsNamespace, NAMESPACE_NEEDED, validatePrefix } from "./validate.js";

/** Changes of one namespace that a driver keeps at least, while it is watched. */
export const CHANGES_KEPT = 10_000;
/** Bytes of keys and values over which it keeps fewer. */
export const CHANGE_BYTES_KEPT = 16 * 1024 * 1024;
/** Milliseconds for which a namespace's changes are kept after the last sign of a watch. */
export const WATCH_LEASE_MS = 600_000;

/** Changes that are read at once, at least those of one version. */
const READ_LIMIT = 500;

/** One write to one key. */
export interface Change {
  version: Version;
  key: string;
  /** Null for a deletion. */
  value: Uint8Array | null;
  expired: boolean;
}

/** What a driver keeps of a namespace's past. */
export interface ChangeLog {
  /** Keeps the namespace's changes from now on, and for {@link WATCH_LEASE_MS}; returns its version. */
  lease(namespace: string): Promise<Version>;
  /**
   * The changes after a version, in their order, about `limit` and never a part of a version's.
   * @throws AspenError `WATCH_COMPACTED` when not all of them are kept
   */
  read(namespace: string, after: Version, limit: number): Promise<Change[]>;
  /** Resolves when there may be changes after `after`, or after some time, or when the signal aborts. */
  wait(namespace: string, after: Version, signal: AbortSignal): Promise<void>;
}

/** The watch of every driver, over its scan and its log. */
export async function* watchStore(
  store: Pick<KeyValueStore, "scan">,
  log: ChangeLog,
  prefix: string,
  { since, signal = new AbortController().signal }: WatchOptions = {},
): AsyncGenerator<KvEvent, void, undefined> {
  validatePrefix(prefix);
  if (!holdsNamespace(prefix)) throw storageErrors.invalid("prefix", NAMESPACE_NEEDED);
  if (since !== undefined && (!Number.isSafeInteger(since) || since < 0)) {
    throw storageErrors.invalid("since", "must be a version, a whole number");
  }
  const namespace = namespaceOf(prefix);
  const now = await log.lease(namespace);
  if (since !== undefined && since > now) throw storageErrors.watchCompacted(namespace, since);
  let position = since ?? now;
  /** Versions, newer than where the log is read from, that the snapshot has told already. */
  const told = new Map<string, Version>();
  let target: Version | null = null;
  if (since === undefined) {
    for await (const entry of entriesOf(store, prefix)) {
      if (signal.aborted) return;
      if (entry.version > position) told.set(entry.key, entry.version);
      yield { type: "entry", ...entry };
    }
    target = await log.lease(namespace);
  }
  let renewAt = performance.now() + WATCH_LEASE_MS / 10;
  while (!signal.aborted) {
    if (performance.now() > renewAt) {
      await log.lease(namespace);
      renewAt = performance.now() + WATCH_LEASE_MS / 10;
    }
    const changes = await log.read(namespace, position, READ_LIMIT);
    for (const change of changes) {
      position = change.version;
      const { key, version } = change;
      if (!key.startsWith(prefix) || version <= (told.get(key) ?? 0)) continue;
      yield eventOf(change);
      if (signal.aborted) return;
    }
    if (target !== null && (changes.length === 0 || position >= target)) {
      position = Math.max(position, target);
      yield { type: "synced", version: position };
      target = null;
      told.clear();
    } else if (changes.length === 0) {
      await log.wait(namespace, position, signal);
    }
  }
}

async function* entriesOf(store: Pick<KeyValueStore, "scan">, prefix: string) {
  let cursor: string | undefined;
  do {
    const page: ScanPage = await store.scan({ prefix, ...(cursor === undefined ? {} : { after: cursor }) });
    yield* page.entries;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

function eventOf({ key, value, version, expired }: Change): KvEvent {
  if (value) return { type: "put", key, value, version };
  return expired ? { type: "delete", key, version, expired: true } : { type: "delete", key, version };
}
