import type { KvEntry, Version } from "../kv/key-value-store.js";
import type { Finding } from "./findings.js";

/** An entry as the store keeps it: what `kv.get` returns, and when the entry expires. */
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
  /** Null when nobody knows. `done` may pass it when others write to the store meanwhile. */
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
  /** Entries that were left out, as they have expired. */
  expired: number;
}

export interface NamespaceStats {
  namespace: string;
  keys: number;
  /** UTF-8 bytes of the keys. */
  keyBytes: number;
  valueBytes: number;
}

/** What a driver knows of its keys, and of the space that they take. */
export interface KeyValueStats {
  driver: "memory" | "embedded" | "redis";
  keys: number;
  keyBytes: number;
  valueBytes: number;
  /** Namespaces that have a key. */
  namespaces: number;
  /** The namespaces with the most bytes of keys and values, the largest first. */
  largest: NamespaceStats[];
  /** Entries of the index that scans use; where the rows themselves are ordered, as many as rows. */
  indexEntries: number;
  /** Entries of the index of expiries; the store drops due and outdated ones when their time has come. */
  expiryEntries: number;
  /** Figures that only this driver has, in bytes unless the name says otherwise. */
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
 * that use the store; each method says how consistent its answer is then.
 *
 * Throws `AspenError`: `CANCELLED` when its signal aborts, `STORE_UNAVAILABLE`, `OUTCOME_UNKNOWN`, and
 * `STORE_INCONSISTENT` when it meets what it cannot read (`verify` tells it instead).
 */
export interface StoreMaintenance {
  /**
   * Every entry that has not expired, once; those of a namespace in byte order. They are read in pages of a few MiB, and
   * each page is of one moment. An entry that somebody writes meanwhile comes as it was before or after the write. The
   * entries of one transaction may be old on one page and new on the next.
   */
  entries(options?: MaintenanceOptions): AsyncIterable<StoredEntry>;
  /** Every namespace that has a version, also those without a key. */
  namespaces(options?: MaintenanceOptions): AsyncIterable<StoredNamespace>;
  /**
   * Raises a namespace's version to `version`, unless it is higher already; returns what it is now. A watch that has not
   * come to the new version ends with `WATCH_COMPACTED`, since no change has a version in between.
   */
  raiseVersion(namespace: string, version: Version, options?: MaintenanceOptions): Promise<Version>;
  /**
   * Writes entries of one namespace in one new version, all or nothing; watches are told. Entries that have expired are
   * left out. At most {@link RESTORE_ENTRIES} and {@link RESTORE_BYTES}, or one entry.
   * @throws AspenError as `kv.transact` for what no store takes
   */
  restore(entries: readonly Omit<StoredEntry, "version">[], options?: MaintenanceOptions): Promise<Restored>;
  /** Tells what is wrong with the keys. Writes of others meanwhile are no findings. */
  verify(options?: VerifyOptions): AsyncIterable<Finding>;
  /** The counts are of no single moment when others write meanwhile. */
  stats(options?: StatsOptions): Promise<KeyValueStats>;
}
