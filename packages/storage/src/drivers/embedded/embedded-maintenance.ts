import { namespaceOf, readU64 } from "@aspen/plugin-api/abi";
import { storageErrors } from "../../errors.js";
import type { Version } from "../../kv/key-value-store.js";
import type { Row } from "../../kv/row.js";
import type {
  KeyValueStats,
  MaintenanceOptions,
  NamespaceStats,
  Restored,
  StatsOptions,
  StoredEntry,
  StoredNamespace,
  StoreMaintenance,
  VerifyOptions,
} from "../../maintenance/contract.js";
import type { Finding } from "../../maintenance/findings.js";
import { keyIn, validateNamespaceVersion, validateRestore } from "../../maintenance/restorable.js";
import { throwIfCancelled } from "../../maintenance/signal.js";
import { Tally } from "../../maintenance/tally.js";
import { EmbeddedVerification } from "./embedded-verification.js";
import { pagesOf } from "./lmdb/pages.js";
import { decodeRow, HEADER_BYTES, isIntact } from "./lmdb/rows.js";
import type { EmbeddedMaintenanceParts } from "./maintenance-parts.js";

/** Pages at the beginning of LMDB's file. */
const META_PAGES = 2;

/** What lmdb returns for a tree (MDB_stat of lmdb.h); its types do not have it. */
interface TreeStats {
  treeBranchPageCount: number;
  treeLeafPageCount: number;
  overflowPages: number;
}

interface EnvironmentStats extends TreeStats {
  pageSize: number;
  mapSize: number;
  lastPageNumber: number;
  free: TreeStats;
}

/** Maintenance of an LMDB environment; every page is read in one transaction. */
export class EmbeddedMaintenance implements StoreMaintenance {
  constructor(private readonly parts: EmbeddedMaintenanceParts) {}

  async *entries({ signal, onProgress }: MaintenanceOptions = {}): AsyncGenerator<StoredEntry> {
    const total = this.parts.read(() => this.#count("rows"));
    let done = 0;
    for await (const page of pagesOf(this.parts, this.parts.environment.rows, signal)) {
      const now = Date.now();
      for (const { key: bytes, value } of page) {
        const key = keyIn(bytes);
        if (key === null) throw storageErrors.undecodable(bytes.toString("utf8"));
        const row = decoded(key, value, now);
        if (row) yield { key, ...row };
      }
      done += page.length;
      onProgress?.({ phase: "keys", done, total, unit: "keys" });
    }
  }

  async *namespaces({ signal }: MaintenanceOptions = {}): AsyncGenerator<StoredNamespace> {
    for await (const page of pagesOf(this.parts, this.parts.environment.versions, signal)) {
      for (const { key, value } of page) {
        const namespace = keyIn(key);
        if (namespace === null || value.length !== 8) throw storageErrors.undecodable(key.toString("utf8"));
        yield { namespace, version: unsigned(namespace, value) };
      }
    }
  }

  async raiseVersion(namespace: string, version: Version, { signal }: MaintenanceOptions = {}): Promise<Version> {
    validateNamespaceVersion(namespace, version);
    throwIfCancelled(signal, "raising a version");
    return this.parts.write(() => {
      const current = this.parts.version(namespace);
      if (current >= version) return current;
      this.parts.setVersion(namespace, version);
      this.parts.changes.discontinue(namespace);
      return version;
    });
  }

  async restore(
    entries: readonly Omit<StoredEntry, "version">[],
    { signal }: MaintenanceOptions = {},
  ): Promise<Restored> {
    const namespace = validateRestore(entries);
    if (namespace === null) return { written: 0, expired: 0 };
    throwIfCancelled(signal, "restoring entries");
    const copies = entries.map(({ key, value, expiresAt }) => ({ key, expiresAt, value: new Uint8Array(value) }));
    return this.parts.write(() => {
      const now = Date.now();
      const current = copies.filter(({ expiresAt }) => expiresAt === 0 || expiresAt > now);
      if (current.length > 0) {
        const version = this.parts.version(namespace) + 1;
        this.parts.setVersion(namespace, version);
        for (const { key, value, expiresAt } of current)
          this.parts.put(Buffer.from(key, "utf8"), { version, value, expiresAt });
        this.parts.log(version, current);
      }
      return { written: current.length, expired: copies.length - current.length };
    });
  }

  verify(options: VerifyOptions = {}): AsyncIterable<Finding> {
    return new EmbeddedVerification(this.parts, options).run();
  }

  async stats({ signal, onProgress, largest }: StatsOptions = {}): Promise<KeyValueStats> {
    const namespaces = new Map<string, NamespaceStats>();
    const total = this.parts.read(() => this.#count("rows"));
    let done = 0;
    for await (const page of pagesOf(this.parts, this.parts.environment.rows, signal)) {
      for (const { key, value } of page) count(namespaces, key, value);
      done += page.length;
      onProgress?.({ phase: "keys", done, total, unit: "keys" });
    }
    const tally = new Tally(largest);
    for (const stats of namespaces.values()) tally.add(stats);
    return this.parts.read(() => ({
      driver: "embedded",
      ...tally.result(),
      indexEntries: this.#count("rows"),
      expiryEntries: this.#count("expiries"),
      storage: this.#storage(),
    }));
  }

  #count(database: "rows" | "expiries"): number {
    return (this.parts.environment[database].getStats() as { entryCount: number }).entryCount;
  }

  /** LMDB's file: its bytes, those in use (the rest is free for later writes), and the address space for its growth. */
  #storage(): Record<string, number> {
    const { root, rows, versions, changes, expiries } = this.parts.environment;
    const all = root.getStats() as EnvironmentStats;
    const trees = [all, all.free, ...[rows, versions, changes, expiries].map((database) => database.getStats())];
    const pages = trees.map((tree) => pagesIn(tree as TreeStats)).reduce((a, b) => a + b, 0);
    return {
      mapBytes: all.mapSize,
      fileBytes: (all.lastPageNumber + 1) * all.pageSize,
      usedBytes: (META_PAGES + pages) * all.pageSize,
    };
  }
}

function pagesIn({ treeBranchPageCount, treeLeafPageCount, overflowPages }: TreeStats): number {
  return treeBranchPageCount + treeLeafPageCount + overflowPages;
}

function count(namespaces: Map<string, NamespaceStats>, key: Buffer, value: Buffer): void {
  const namespace = namespaceOf(key.toString("utf8"));
  const stats = namespaces.get(namespace) ?? { namespace, keys: 0, keyBytes: 0, valueBytes: 0 };
  namespaces.set(namespace, stats);
  stats.keys += 1;
  stats.keyBytes += key.length;
  stats.valueBytes += Math.max(0, value.length - HEADER_BYTES);
}

function decoded(key: string, bytes: Buffer, now: number): Row | null {
  if (!isIntact(bytes)) throw storageErrors.undecodable(key);
  return decodeRow(bytes, now);
}

function unsigned(namespace: string, bytes: Buffer): number {
  try {
    return readU64(bytes);
  } catch {
    throw storageErrors.undecodable(namespace);
  }
}
