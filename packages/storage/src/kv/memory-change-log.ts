import { storageErrors } from "../errors.js";
import type { Version } from "./key-value-store.js";
import { Waiters } from "./waiters.js";
import { CHANGE_BYTES_KEPT, CHANGES_KEPT, type Change, type ChangeLog, WATCH_LEASE_MS } from "./watch.js";

/** The kept past of one namespace. */
interface Past {
  changes: Change[];
  bytes: number;
  /** The changes after this version are all kept. */
  from: Version;
  /** By the monotonic clock. */
  leasedUntil: number;
}

/** Changes in memory, kept for namespaces that are watched. */
export class MemoryChangeLog implements ChangeLog {
  readonly #pasts = new Map<string, Past>();
  readonly #waiters = new Waiters();

  constructor(private readonly versionOf: (namespace: string) => Version) {}

  /** False: nobody watches the namespace, and its changes need not be appended. */
  keeps(namespace: string): boolean {
    return this.#pasts.has(namespace);
  }

  /** Keeps the changes of one version. */
  append(namespace: string, changes: readonly Change[]): void {
    const past = this.#pasts.get(namespace);
    if (!past) return;
    if (past.leasedUntil < performance.now()) {
      this.#pasts.delete(namespace);
      return;
    }
    past.changes.push(...changes);
    for (const change of changes) past.bytes += sizeOf(change);
    while (past.changes.length > CHANGES_KEPT || past.bytes > CHANGE_BYTES_KEPT) this.#dropOldest(past);
    this.#waiters.wake(namespace);
  }

  /** Versions were left out: the past is dropped, so that watches begin anew. */
  discontinue(namespace: string): void {
    this.#pasts.delete(namespace);
    this.#waiters.wake(namespace);
  }

  async lease(namespace: string): Promise<Version> {
    const version = this.versionOf(namespace);
    const past = this.#pasts.get(namespace) ?? { changes: [], bytes: 0, from: version, leasedUntil: 0 };
    past.leasedUntil = performance.now() + WATCH_LEASE_MS;
    this.#pasts.set(namespace, past);
    return version;
  }

  async read(namespace: string, after: Version, limit: number): Promise<Change[]> {
    // Throws when the store is closed.
    this.versionOf(namespace);
    const past = this.#pasts.get(namespace);
    if (!past || after < past.from) throw storageErrors.watchCompacted(namespace, after);
    const start = past.changes.findIndex(({ version }) => version > after);
    if (start < 0) return [];
    let end = Math.min(start + limit, past.changes.length);
    while (past.changes[end]?.version === past.changes[end - 1]?.version) end += 1;
    return past.changes.slice(start, end).map((change) => ({ ...change, value: change.value?.slice() ?? null }));
  }

  async wait(namespace: string, after: Version, signal: AbortSignal): Promise<void> {
    if (this.versionOf(namespace) <= after) await this.#waiters.wait(namespace, signal);
  }

  /** Ends every wait. */
  close(): void {
    this.#waiters.wake(null);
    this.#pasts.clear();
  }

  /** All changes of the oldest version: a version is kept whole or not at all. */
  #dropOldest(past: Past): void {
    const version = past.changes[0]!.version;
    past.from = version;
    while (past.changes[0]?.version === version) past.bytes -= sizeOf(past.changes.shift()!);
  }
}

function sizeOf({ key, value }: Change): number {
  return key.length + (value?.length ?? 0);
}
