import { encodeUtf8, namespaceOf } from "@aspen/plugin-api/abi";
import { copyBytes } from "../../bytes.js";
import type { Version } from "../../kv/key-value-store.js";
import type { TableOperations } from "../../kv/table-key-value-store.js";
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
import { type Finding, finding, isMended, VERSION_GAP } from "../../maintenance/findings.js";
import { validateNamespaceVersion, validateRestore } from "../../maintenance/restorable.js";
import { breathe, throwIfCancelled } from "../../maintenance/signal.js";
import { Tally } from "../../maintenance/tally.js";
import type { MemoryTable } from "./memory-table.js";

const PAGE_KEYS = 500;

/** Maintenance of the store in memory: the shortest example. */
export class MemoryMaintenance implements StoreMaintenance {
  constructor(
    private readonly table: MemoryTable,
    private readonly store: TableOperations,
  ) {}

  async *entries({ signal, onProgress }: MaintenanceOptions = {}): AsyncGenerator<StoredEntry> {
    this.store.assertOpen();
    // A copy: the entries may change while they are read.
    const keys = [...this.table.keys("")];
    for (const [at, key] of keys.entries()) {
      if (at % PAGE_KEYS === 0) await breathe(signal, "reading the entries");
      const row = this.store.row(key);
      if (row) yield { key, version: row.version, expiresAt: row.expiresAt, value: copyBytes(row.value) };
      onProgress?.({ phase: "keys", done: at + 1, total: keys.length, unit: "keys" });
    }
    throwIfCancelled(signal, "reading the entries");
  }

  async *namespaces({ signal }: MaintenanceOptions = {}): AsyncGenerator<StoredNamespace> {
    this.store.assertOpen();
    throwIfCancelled(signal, "reading the namespaces");
    for (const [namespace, version] of this.table.namespaces()) yield { namespace, version };
  }

  async raiseVersion(namespace: string, version: Version, { signal }: MaintenanceOptions = {}): Promise<Version> {
    validateNamespaceVersion(namespace, version);
    throwIfCancelled(signal, "raising a version");
    this.store.assertOpen();
    const current = this.table.version(namespace);
    if (current >= version) return current;
    this.table.setVersion(namespace, version);
    this.store.discontinue(namespace);
    return version;
  }

  async restore(
    entries: readonly Omit<StoredEntry, "version">[],
    { signal }: MaintenanceOptions = {},
  ): Promise<Restored> {
    const namespace = validateRestore(entries);
    throwIfCancelled(signal, "restoring entries");
    this.store.assertOpen();
    const now = Date.now();
    const current = entries.filter(({ expiresAt }) => expiresAt === 0 || expiresAt > now);
    if (namespace !== null && current.length > 0) {
      const version = this.store.nextVersion(namespace);
      for (const { key, value, expiresAt } of current) this.store.write(key, value, expiresAt, version);
      this.store.log(current.map(({ key, value }) => ({ version, key, value })));
    }
    return { written: current.length, expired: entries.length - current.length };
  }

  async *verify(options: VerifyOptions = {}): AsyncGenerator<Finding> {
    throwIfCancelled(options.signal, "verifying");
    for await (const { key, version } of this.entries(options)) {
      const namespace = namespaceOf(key);
      if (this.table.version(namespace) >= version) continue;
      const mended = isMended("version-low", options);
      if (mended) await this.raiseVersion(namespace, version + VERSION_GAP);
      yield finding("version-low", namespace, mended);
    }
  }

  async stats({ signal, onProgress, largest }: StatsOptions = {}): Promise<KeyValueStats> {
    const namespaces = new Map<string, NamespaceStats>();
    let expiryEntries = 0;
    for await (const { key, value, expiresAt } of this.entries({
      ...(signal ? { signal } : {}),
      ...(onProgress ? { onProgress } : {}),
    })) {
      const namespace = namespaceOf(key);
      const stats = namespaces.get(namespace) ?? { namespace, keys: 0, keyBytes: 0, valueBytes: 0 };
      namespaces.set(namespace, stats);
      stats.keys += 1;
      stats.keyBytes += encodeUtf8(key).length;
      stats.valueBytes += value.length;
      if (expiresAt !== 0) expiryEntries += 1;
    }
    const tally = new Tally(largest);
    for (const stats of namespaces.values()) tally.add(stats);
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const storage = { processHeapBytes: heapUsed, processBufferBytes: arrayBuffers };
    return { driver: "memory", ...tally.result(), indexEntries: this.table.size, expiryEntries, storage };
  }
}
