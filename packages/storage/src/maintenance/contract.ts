import type { KvEntry, Version } from "../kv/key-value-store.js";
import type { Finding } from "./findings.js";

/** An entry as it is kept: what `kv.get` tells, and when it ends. */
export interface StoredEntry extends KvEntry {
  /** Milliseconds since the epoch at which it expires; 0 for never. */
  expiresAt: number;
}

export interface StoredNamespace {
  namespace: string;
  /** Its last version. */
  version: Version;
}

/** How far a long work has come. */
export interface Progress {
  phase: "keys" | "blobs" | "reading" | "importing";
  done: number;
  /** Null when nobody knows. It may be passed on a store that is written to. */
  total: number | null;
  unit: "keys" | "bytes";
}

export interface MaintenanceOptions {
  /** Ends the work; it then throws `CANCELLED`. */
  signal?: AbortSignal;
  /** Told from time to time. */
  onProgress?: (progress: Progress) => void;
}

export interface VerifyOptions extends MaintenanceOptions {
  /** Mend what can be mended without losing data. @default false */
  repair?: boolean;
  /** Remove what nobody can read any more: corrupt blobs, undecodable rows. Needs `repair`. @default false */
  removeDamaged?: boolean;
}

/** What one restore did with its entries. */
export interface Restored {
  written: number;
  /** Left out, as their time is over. */
  expired: number;
}

export interface NamespaceStats {
  namespace: string;
  keys: number;
  /** UTF-8 bytes of the keys. */
  keyBytes: number;
  valueBytes: number;
}

/** What a driver knows of its keys and of the place where they lie. */
export interface KeyValueStats {
  driver: "memory" | "embedded" | "redis";
  keys: number;
  keyBytes: number;
  valueBytes: number;
  /** That have a key. */
  namespaces: number;
  /** Those with most bytes of keys and values, the largest first. */
  largest: NamespaceStats[];
  /** Entries of the index that scans use; where the rows themselves are ordered, as many as rows. */
  indexEntries: number;
  /** Entries of the index of expiries; those that are due or outdated are dropped when their time has come. */
  expiryEntries: number;
  /** Numbers of this driver alone, in bytes unless the name says otherwise. */
  storage: Record<string, number>;
}

export interface StatsOptions extends MaintenanceOptions {
  /** Most namespaces that are listed. @default 10 */
  largest?: number;
}

/** Limits of one {@link StoreMaintenance.restore}. */
export const RESTORE_ENTRIES = 1000;
export const RESTORE_BYTES = 4 * 1024 * 1024;

/**
 * Work on a whole store, past the interface that serves requests: for operators' tools. It may run beside nodes
 * that use the store, and then tells what it meets; each method says how consistent that is.
 *
 * Throws `AspenError`: `CANCELLED` when its signal aborts, `STORE_UNAVAILABLE`, `OUTCOME_UNKNOWN`, and
 * `STORE_INCONSISTENT` when it meets what it cannot read (`verify` tells it instead).
 */
export interface StoreMaintenance {
  /**
   * Every entry that has not expired, once; those of a namespace in byte order. Read in pages of a few MiB, each
   * of one moment: an entry that nobody writes meanwhile is told as it is, one that is written as it was before or
   * after, and a transaction's entries may be told in part when they lie on two pages.
   */
  entries(options?: MaintenanceOptions): AsyncIterable<StoredEntry>;
  /** Every namespace that has a version, also those without a key. */
  namespaces(options?: MaintenanceOptions): AsyncIterable<StoredNamespace>;
  /**
   * Makes a namespace's version at least `version`; returns what it is. Never lowers one. A watch that has not come
   * to the new version ends with `WATCH_COMPACTED`, since the versions between stand for nothing.
   */
  raiseVersion(namespace: string, version: Version, options?: MaintenanceOptions): Promise<Version>;
  /**
   * Writes entries of one namespace as one version, a new one; watches are told. All or nothing, but for entries
   * whose time is over. At most {@link RESTORE_ENTRIES} and {@link RESTORE_BYTES}, or one entry.
   * @throws AspenError as `kv.transact` for what no store takes
   */
  restore(entries: readonly Omit<StoredEntry, "version">[], options?: MaintenanceOptions): Promise<Restored>;
  /** Tells what is wrong with the keys. A write that happens meanwhile is no finding. */
  verify(options?: VerifyOptions): AsyncIterable<Finding>;
  /** Counts on a store that is written to are of no single moment. */
  stats(options?: StatsOptions): Promise<KeyValueStats>;
}
