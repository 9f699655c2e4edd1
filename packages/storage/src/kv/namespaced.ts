import { isKeyAllowed, isScanPrefixAllowed } from "@aspen/plugin-api/abi";
import { storageErrors } from "../errors.js";
import type {
  CasResult,
  KeyValueStore,
  KvEntry,
  KvEvent,
  PutOptions,
  ScanOptions,
  ScanPage,
  Transaction,
  TxResult,
  Version,
  WatchOptions,
} from "./key-value-store.js";

/** @throws AspenError `KV_NAMESPACE_DENIED` when the key starts with no allowed prefix */
export function assertKeyAllowed(allowed: readonly string[], key: string): void {
  if (!isKeyAllowed(allowed, key)) throw storageErrors.namespaceDenied("key", key, allowed);
}

/** @throws AspenError `KV_NAMESPACE_DENIED` when a key that starts with the prefix could lie outside */
export function assertScanPrefixAllowed(allowed: readonly string[], prefix: string): void {
  if (!isScanPrefixAllowed(allowed, prefix)) throw storageErrors.namespaceDenied("prefix", prefix, allowed);
}

/** A view of a store that refuses every key and scan outside its prefixes. Closing the view leaves the store open. */
export class NamespacedKeyValueStore implements KeyValueStore {
  constructor(
    private readonly store: KeyValueStore,
    private readonly allowed: readonly string[],
  ) {}

  async get(key: string): Promise<KvEntry | null> {
    assertKeyAllowed(this.allowed, key);
    return this.store.get(key);
  }

  async getMany(keys: readonly string[]): Promise<(KvEntry | null)[]> {
    for (const key of keys) assertKeyAllowed(this.allowed, key);
    return this.store.getMany(keys);
  }

  async put(key: string, value: Uint8Array, options?: PutOptions): Promise<Version> {
    assertKeyAllowed(this.allowed, key);
    return this.store.put(key, value, options);
  }

  async delete(key: string): Promise<boolean> {
    assertKeyAllowed(this.allowed, key);
    return this.store.delete(key);
  }

  async scan(options: ScanOptions): Promise<ScanPage> {
    assertScanPrefixAllowed(this.allowed, options.prefix);
    return this.store.scan(options);
  }

  async compareAndSwap(
    key: string,
    expected: Uint8Array | null,
    next: Uint8Array | null,
    options?: PutOptions,
  ): Promise<CasResult> {
    assertKeyAllowed(this.allowed, key);
    return this.store.compareAndSwap(key, expected, next, options);
  }

  async transact(transaction: Transaction): Promise<TxResult> {
    for (const { key } of transaction.checks) assertKeyAllowed(this.allowed, key);
    for (const op of transaction.ops) {
      if (op.type === "append") assertScanPrefixAllowed(this.allowed, op.prefix);
      else assertKeyAllowed(this.allowed, op.key);
    }
    return this.store.transact(transaction);
  }

  async *watch(prefix: string, options?: WatchOptions): AsyncGenerator<KvEvent, void, undefined> {
    assertScanPrefixAllowed(this.allowed, prefix);
    yield* this.store.watch(prefix, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The store belongs to whoever opened it.
  }
}
