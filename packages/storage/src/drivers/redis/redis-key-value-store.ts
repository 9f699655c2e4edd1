import { decodeUtf8, namespaceOf, readU64 } from "@aspen/plugin-api/abi";
import { compareBytes, prefixEnd } from "../../bytes.js";
import { decodeCursor, encodeCursor } from "../../cursor.js";
import { storageErrors } from "../../errors.js";
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
} from "../../key-value-store.js";
import type { StoreMaintenance } from "../../maintenance/store-maintenance.js";
import {
  expiryOf,
  holdsNamespace,
  validateKey,
  validateKeys,
  validateLimit,
  validatePrefix,
  validateTransaction,
  validateValue,
} from "../../validate.js";
import { watchStore } from "../../watch.js";
import type { RedisConnection } from "./connection.js";
import { RedisChangeLog } from "./redis-change-log.js";
import { RedisMaintenance } from "./redis-maintenance.js";

const VERSION_BYTES = 8;

/**
 * An ordered key-value store on Redis. A namespace has one hash tag, so that it is atomic in Lua and
 * namespaces spread over a cluster:
 * `{prefix}:{tag}:r:{key}` a row (version, value), `…:i` the index, `…:v` the version, `…:e` the expiries, and
 * while it is watched `…:c` its changes and `…:w` what is known of them.
 */
export class RedisKeyValueStore implements KeyValueStore {
  readonly #known = new Set<string>();
  readonly #changes: RedisChangeLog;

  constructor(
    private readonly connection: RedisConnection,
    private readonly prefix: string,
    /** Where changes are told; one for each database, which channels know nothing of. */
    private readonly channel: string,
  ) {
    this.#changes = new RedisChangeLog(connection, {
      channel,
      keys: (namespace) => this.#keys(namespace),
      arguments: (namespace) => this.#arguments(namespace),
    });
  }

  async get(key: string): Promise<KvEntry | null> {
    validateKey(key);
    return decodeRow(key, (await this.connection.read("GET", [this.#rowKey(key)])) as Buffer | null);
  }

  async getMany(keys: readonly string[]): Promise<(KvEntry | null)[]> {
    validateKeys(keys);
    // One command per key: keys of several namespaces may lie on several nodes; they share a round trip.
    const rows = await Promise.all(keys.map((key) => this.connection.read("GET", [this.#rowKey(key)])));
    return rows.map((row, index) => decodeRow(keys[index]!, row as Buffer | null));
  }

  async put(key: string, value: Uint8Array, options?: PutOptions): Promise<Version> {
    validateKey(key);
    validateValue(key, value);
    expiryOf(options, Date.now());
    const namespace = namespaceOf(key);
    // The value is copied before the first await: afterwards the caller may change it.
    const args = [...this.#arguments(namespace), key, Buffer.from(value), options?.ttlMs ?? 0];
    await this.#register(namespace);
    return Number(await this.connection.script("put", this.#keys(namespace), args));
  }

  async delete(key: string): Promise<boolean> {
    validateKey(key);
    const namespace = namespaceOf(key);
    const args = [...this.#arguments(namespace), key];
    return Number(await this.connection.script("delete", this.#keys(namespace), args)) === 1;
  }

  async scan(options: ScanOptions): Promise<ScanPage> {
    const prefix = validatePrefix(options.prefix);
    const limit = validateLimit(options);
    const after = decodeCursor(options);
    const namespaces = holdsNamespace(options.prefix)
      ? [namespaceOf(options.prefix)]
      : await this.#namespaces(options.prefix);
    const pages = await Promise.all(
      namespaces.map((namespace) => this.#page(namespace, options, prefix, after, limit)),
    );
    const sign = options.reverse ? -1 : 1;
    const merged = pages.flatMap(({ entries }) => entries);
    if (pages.length > 1) merged.sort((a, b) => sign * compareBytes(Buffer.from(a.key), Buffer.from(b.key)));
    const entries = merged.slice(0, limit);
    const more = merged.length > limit || pages.some(({ more }) => more);
    return more ? { entries, cursor: encodeCursor(options, entries.at(-1)!.key) } : { entries };
  }

  async compareAndSwap(key: string, expected: Uint8Array | null, next: Uint8Array | null): Promise<CasResult> {
    validateKey(key);
    if (expected) validateValue(key, expected);
    if (next) validateValue(key, next);
    const namespace = namespaceOf(key);
    const args = [
      ...this.#arguments(namespace),
      key,
      expected ? "1" : "0",
      Buffer.from(expected ?? []),
      next ? "1" : "0",
      Buffer.from(next ?? []),
    ];
    await this.#register(namespace);
    const reply = await this.connection.script("compare-and-swap", this.#keys(namespace), args);
    const [ok, answer] = reply as [number, unknown];
    if (Number(ok) === 1) return { ok: true, version: Number(answer) };
    const actual = decodeRow(key, (answer ?? null) as Buffer | null);
    return { ok: false, actual: actual && { value: actual.value, version: actual.version } };
  }

  async transact(transaction: Transaction): Promise<TxResult> {
    const namespace = validateTransaction(transaction);
    if (namespace === null) return { ok: true, version: 0 };
    const args: (string | number | Buffer)[] = [
      ...this.#arguments(namespace),
      transaction.checks.length,
      transaction.ops.length,
    ];
    for (const check of transaction.checks) {
      if ("version" in check) args.push(check.key, "version", check.version);
      else if (check.value === null) args.push(check.key, "absent", "");
      else args.push(check.key, "value", Buffer.from(check.value));
    }
    const now = Date.now();
    for (const op of transaction.ops) {
      if (op.type === "put") {
        expiryOf(op, now);
        args.push(op.key, "put", Buffer.from(op.value), op.ttlMs ?? 0);
      } else args.push(op.key, "delete", "", 0);
    }
    await this.#register(namespace);
    const [ok, answer] = (await this.connection.script("transact", this.#keys(namespace), args)) as [number, number];
    return Number(ok) === 1 ? { ok: true, version: Number(answer) } : { ok: false, failed: Number(answer) };
  }

  watch(prefix: string, options?: WatchOptions): AsyncIterable<KvEvent> {
    return watchStore(this, this.#changes, prefix, options);
  }

  /** Work on all of its namespaces. */
  maintenance(): StoreMaintenance {
    return new RedisMaintenance(this.connection, {
      prefix: this.prefix,
      keys: (namespace) => this.#keys(namespace),
      arguments: (namespace) => this.#arguments(namespace),
      register: (namespace) => this.#register(namespace),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#changes.close();
    this.connection.close();
  }

  async #page(namespace: string, options: ScanOptions, prefix: Uint8Array, after: string | null, limit: number) {
    const end = prefixEnd(prefix);
    const low = bound("[", prefix, "-");
    const high = end ? bound("(", end, "+") : "+";
    const cut = after === null ? null : bound("(", Buffer.from(after, "utf8"), "-");
    const [from, to] = options.reverse ? [cut ?? high, low] : [cut ?? low, high];
    const [more, ...flat] = (await this.connection.script("scan", this.#keys(namespace), [
      ...this.#arguments(namespace),
      from,
      to,
      limit,
      options.reverse ? "1" : "0",
      options.keysOnly ? "1" : "0",
    ])) as [number, ...Buffer[]];
    const entries: KvEntry[] = [];
    for (let i = 0; i < flat.length; i += 2) entries.push(decodeRow(decodeUtf8(flat[i]!), flat[i + 1]!)!);
    return { entries, more: Number(more) === 1 };
  }

  /** Makes the namespace known to the registry, before its first key can be seen. */
  async #register(namespace: string): Promise<void> {
    if (this.#known.has(namespace)) return;
    try {
      await this.connection.write("SADD", [`${this.prefix}:namespaces`, namespace]);
    } catch (error) {
      // Whether or not the name was added, the write that needed it was never sent.
      throw storageErrors.unavailable("its registry of namespaces cannot be written", error);
    }
    this.#known.add(namespace);
  }

  /** Namespaces in which a key may start with `prefix`. */
  async #namespaces(prefix: string): Promise<string[]> {
    const members = (await this.connection.read("SMEMBERS", [`${this.prefix}:namespaces`])) as Buffer[];
    return members
      .map((member) => decodeUtf8(member))
      .filter((name) => name.startsWith(prefix) || prefix.startsWith(name));
  }

  #base(namespace: string): string {
    // encodeURIComponent leaves no brace, so the tag is exactly the namespace.
    return `${this.prefix}:{${encodeURIComponent(namespace)}}`;
  }

  #rowPrefix(namespace: string): string {
    return `${this.#base(namespace)}:r:`;
  }

  #rowKey(key: string): string {
    return this.#rowPrefix(namespaceOf(key)) + key;
  }

  #keys(namespace: string): string[] {
    const base = this.#base(namespace);
    return [`${base}:i`, `${base}:v`, `${base}:e`, `${base}:c`, `${base}:w`];
  }

  /** What every script is told first. */
  #arguments(namespace: string): string[] {
    return [this.#rowPrefix(namespace), this.channel, namespace];
  }
}

function decodeRow(key: string, row: Buffer | null): KvEntry | null {
  return row && { key, version: readU64(row), value: new Uint8Array(row.subarray(VERSION_BYTES)) };
}

function bound(mark: "[" | "(", bytes: Uint8Array, none: string): string | Buffer {
  return bytes.length === 0 ? none : Buffer.concat([Buffer.from(mark), bytes]);
}
