import { decodeUtf8, namespaceOf, readU64 } from "@aspen/plugin-api/abi";
import { compareBytes, copyOf, prefixEnd } from "../../bytes.js";
import { appendedKey, appendsOf } from "../../kv/append.js";
import { decodeCursor, encodeCursor } from "../../kv/cursor.js";
import type {
  CasResult,
  KeyValueStore,
  KvEntry,
  KvEvent,
  Op,
  PutOptions,
  ScanOptions,
  ScanPage,
  Transaction,
  TxResult,
  Version,
  WatchOptions,
} from "../../kv/key-value-store.js";
import {
  expiryOf,
  holdsNamespace,
  validateKey,
  validateKeys,
  validateLimit,
  validatePrefix,
  validateSwap,
  validateTransaction,
  validateValue,
} from "../../kv/validate.js";
import { watchStore } from "../../kv/watch.js";
import type { StoreMaintenance } from "../../maintenance/contract.js";
import { isOutOfMemory } from "./connection/outcome.js";
import type { RedisConnection } from "./connection/redis-connection.js";
import type { GrowingScript } from "./connection/scripts.js";
import type { Argument } from "./connection/tracked-command.js";
import { ExpirySweeper } from "./expiry-sweeper.js";
import { packTransaction } from "./packed-transaction.js";
import { RedisChangeLog } from "./redis-change-log.js";
import { RedisMaintenance } from "./redis-maintenance.js";
import { type NamespaceNames, RedisNames } from "./redis-names.js";

const VERSION_BYTES = 8;
/** Bytes of values after which a page of a scan ends before its limit. */
const PAGE_BYTES = 32 * 1024 * 1024;
/** Milliseconds after which a namespace is registered again: a fail-over may have lost it. */
const REGISTERED_MS = 60_000;
/** The same of an expiry; half the time for which a namespace is remembered after its last one. */
const ANNOUNCED_MS = 30_000;
/** Prefix of the node's own records, such as those of plugins, and bytes that a write of one may take on a full server. */
const SYSTEM_NAMESPACE = "__sys:";
const SYSTEM_SPARE_BYTES = 4096;

type Rows = (Buffer | null)[];

export interface RedisKeyValueOptions {
  /** First part of every key in Redis. */
  prefix: string;
  /** Channel of changes; one for each database, because channels do not belong to a database. */
  channel: string;
  /** Called when a row is gone although nobody has removed it. */
  onLoss(): void;
}

/**
 * An ordered key-value store on Redis. A namespace has one hash tag, so that it is atomic in Lua and
 * namespaces spread over a cluster:
 * `{prefix}:{tag}:r:{key}` a row (version, value), `…:i` the index, `…:v` the version, `…:e` the expiries, and
 * while it is watched `…:c` its changes and `…:w` their bounds. `{prefix}:namespaces` has all namespaces,
 * `{prefix}:expiries` those with entries that expire.
 */
export class RedisKeyValueStore implements KeyValueStore {
  readonly #names: RedisNames;
  readonly #changes: RedisChangeLog;
  readonly #sweeper: ExpirySweeper;

  constructor(
    private readonly connection: RedisConnection,
    private readonly options: RedisKeyValueOptions,
  ) {
    const { prefix, channel } = options;
    this.#names = new RedisNames(prefix);
    this.#changes = new RedisChangeLog(connection, {
      channel,
      keys: (namespace) => this.#names.of(namespace).keys,
    });
    this.#sweeper = new ExpirySweeper(connection, `${prefix}:expiries`, async (namespace) =>
      Number(await connection.script("sweep", this.#names.of(namespace).keys, [])),
    );
  }

  async get(key: string): Promise<KvEntry | null> {
    validateKey(key);
    return decodeRow(key, (await this.connection.read("GET", [this.#rowKey(key)])) as Buffer | null);
  }

  async getMany(keys: readonly string[]): Promise<(KvEntry | null)[]> {
    validateKeys(keys);
    // A command for each namespace: several may lie on several nodes; the commands share a round trip.
    const indexes = new Map<string, number[]>();
    for (const [index, key] of keys.entries()) {
      const namespace = namespaceOf(key);
      const group = indexes.get(namespace);
      if (group) group.push(index);
      else indexes.set(namespace, [index]);
    }
    const entries: (KvEntry | null)[] = Array(keys.length).fill(null);
    await Promise.all(
      [...indexes.values()].map(async (group) => {
        const rows = await this.connection.read(
          "MGET",
          group.map((index) => this.#rowKey(keys[index]!)),
        );
        for (const [at, index] of group.entries()) entries[index] = decodeRow(keys[index]!, (rows as Rows)[at]!);
      }),
    );
    return entries;
  }

  async put(key: string, value: Uint8Array, options?: PutOptions): Promise<Version> {
    validateKey(key);
    validateValue(key, value);
    expiryOf(options, Date.now());
    const namespace = namespaceOf(key);
    // The value is copied before the first await: afterwards the caller may change it.
    const args = [key, Buffer.from(value), String(options?.ttlMs ?? 0)];
    return Number(await this.#write("put", namespace, args, options?.ttlMs));
  }

  async delete(key: string): Promise<boolean> {
    validateKey(key);
    const namespace = namespaceOf(key);
    return Number(await this.connection.script("delete", this.#names.of(namespace).keys, [key])) === 1;
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
    const { entries, more } = pages.length === 1 ? pages[0]! : mergePages(pages, limit, options.reverse ?? false);
    return more ? { entries, cursor: encodeCursor(options, entries.at(-1)!.key) } : { entries };
  }

  async compareAndSwap(
    key: string,
    expected: Uint8Array | null,
    next: Uint8Array | null,
    options?: PutOptions,
  ): Promise<CasResult> {
    validateSwap(key, { expected, next, options, now: Date.now() });
    const namespace = namespaceOf(key);
    const given = `${expected ? 1 : 0}${next ? 1 : 0}`;
    const values = [expected ? Buffer.from(expected) : "", next ? Buffer.from(next) : ""];
    const args = [key, given, ...values, String(options?.ttlMs ?? 0)];
    const [ok, answer] = (await this.#write("compare-and-swap", namespace, args, options?.ttlMs)) as [number, unknown];
    if (Number(ok) === 1) return { ok: true, version: Number(answer) };
    const actual = decodeRow(key, (answer ?? null) as Buffer | null);
    return { ok: false, actual: actual && { value: actual.value, version: actual.version } };
  }

  async transact(transaction: Transaction): Promise<TxResult> {
    const namespace = validateTransaction(transaction);
    if (namespace === null) return { ok: true, version: 0, appended: [] };
    const [first] = transaction.ops;
    if (first?.type === "append" && transaction.ops.length === 1 && transaction.checks.length === 0) {
      return this.#append(namespace, first);
    }
    // Wall time, by which entries expire.
    const now = Date.now();
    let soonest: number | undefined;
    for (const op of transaction.ops) {
      if (op.type === "delete") continue;
      expiryOf(op, now);
      if (op.ttlMs !== undefined) soonest = Math.min(op.ttlMs, soonest ?? op.ttlMs);
    }
    // Packed before the first await: afterwards the caller may change its bytes.
    const args = [packTransaction(transaction)];
    const appended = appendsOf(transaction.ops);
    const [ok, answer] = (await this.#write("transact", namespace, args, soonest)) as [number, number];
    if (Number(ok) !== 1) return { ok: false, failed: Number(answer) };
    const version = Number(answer);
    return { ok: true, version, appended: appended(version) };
  }

  watch(prefix: string, options?: WatchOptions): AsyncIterable<KvEvent> {
    return watchStore(this, this.#changes.forWatch(), prefix, options);
  }

  /** Work on all of its namespaces. */
  maintenance(): StoreMaintenance {
    return new RedisMaintenance(this.connection, {
      prefix: this.options.prefix,
      names: (namespace) => this.#names.of(namespace),
      register: (namespace) => this.#register(namespace, this.#names.of(namespace)),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sweeper.close();
    this.#changes.close();
    this.connection.close();
  }

  async #page(
    namespace: string,
    options: ScanOptions,
    prefix: Uint8Array,
    after: string | null,
    limit: number,
  ): Promise<Page> {
    const end = prefixEnd(prefix);
    const low = bound("[", prefix, "-");
    const high = end ? bound("(", end, "+") : "+";
    const cut = after === null ? null : bound("(", Buffer.from(after, "utf8"), "-");
    const [from, to] = options.reverse ? [cut ?? high, low] : [cut ?? low, high];
    const flags = [options.reverse ? "1" : "0", options.keysOnly ? "1" : "0"];
    const args = [from, to, limit, ...flags, PAGE_BYTES];
    const reply = await this.connection.script("scan", this.#names.of(namespace).keys, args);
    const [more, rows, lost] = reply as [number, Buffer, number];
    if (lost > 0) this.options.onLoss();
    return { entries: decodeRows(rows), more: more === 1 };
  }

  /** One append alone: less to send, and for the script to read, than for a transaction. */
  async #append(namespace: string, op: Extract<Op, { type: "append" }>): Promise<TxResult> {
    const { prefix, value, ttlMs } = op;
    expiryOf(op, Date.now());
    const args = [prefix, Buffer.from(value), String(ttlMs ?? 0)];
    const version = Number(await this.#write("append", namespace, args, ttlMs));
    return { ok: true, version, appended: [appendedKey(prefix, version, 0)] };
  }

  /** Runs a script that may add keys, of which the first expires after `ttlMs`. */
  #write(script: GrowingScript, namespace: string, args: readonly Argument[], ttlMs?: number): Promise<unknown> {
    const names = this.#names.of(namespace);
    const registered = performance.now() - names.registeredAt < REGISTERED_MS;
    const written =
      ttlMs === undefined && registered
        ? this.connection.script(script, names.keys, args)
        : this.#announceAndWrite(script, namespace, names, args, ttlMs);
    return written.catch((error) => this.#writeWhenFull(script, namespace, args, error));
  }

  /** Lets a write that takes no more memory than it frees through on a full server. @throws `refused` for any other write */
  async #writeWhenFull(
    script: GrowingScript,
    namespace: string,
    args: readonly Argument[],
    refused: Error,
  ): Promise<unknown> {
    if (!isOutOfMemory(refused.cause)) throw refused;
    const { keys } = this.#names.of(namespace);
    // The keys of a namespace that is not registered would be missing in a scan over all namespaces.
    const known = await this.connection.read("SISMEMBER", [`${this.options.prefix}:namespaces`, namespace]);
    if (Number(known) !== 1) throw refused;
    const spare = namespace === SYSTEM_NAMESPACE ? SYSTEM_SPARE_BYTES : 0;
    return this.connection.script(`${script}-when-full`, keys, [...args, spare]).catch((error) => {
      // The error names what the caller asked for.
      throw isOutOfMemory(error.cause) ? refused : error;
    });
  }

  async #announceAndWrite(
    script: GrowingScript,
    namespace: string,
    names: NamespaceNames,
    args: readonly Argument[],
    ttlMs?: number,
  ): Promise<unknown> {
    if (performance.now() - names.registeredAt >= REGISTERED_MS) await this.#register(namespace, names);
    const announced = ttlMs === undefined ? null : this.#announce(namespace, names, ttlMs);
    const reply = await this.connection.script(script, names.keys, args);
    await announced;
    return reply;
  }

  /** A sweep that comes no later sees the entry too, and finds out when the next one is due. */
  async #announce(namespace: string, names: NamespaceNames, ttlMs: number): Promise<void> {
    const at = performance.now();
    const due = at + ttlMs;
    const { announced } = names;
    if (at < announced.due && announced.due <= due && at - announced.at < ANNOUNCED_MS) return;
    if (await this.#sweeper.announce(namespace, ttlMs)) names.announced = { at, due };
  }

  /** Registers a namespace before its first key can be seen. */
  async #register(namespace: string, names: NamespaceNames): Promise<void> {
    await this.connection.writeRepeatably("SADD", [`${this.options.prefix}:namespaces`, namespace]);
    names.registeredAt = performance.now();
  }

  /** Namespaces in which a key may start with `prefix`. */
  async #namespaces(prefix: string): Promise<string[]> {
    const members = (await this.connection.read("SMEMBERS", [`${this.options.prefix}:namespaces`])) as Buffer[];
    return members
      .map((member) => decodeUtf8(member))
      .filter((name) => name.startsWith(prefix) || prefix.startsWith(name));
  }

  #rowKey(key: string): string {
    return this.#names.of(namespaceOf(key)).rows + key;
  }
}

interface Page {
  entries: KvEntry[];
  /** Never without entries. */
  more: boolean;
}

/** Pages of several namespaces as one. Entries behind the end of an incomplete page come later. */
function mergePages(pages: readonly Page[], limit: number, reverse: boolean): Page {
  const sign = reverse ? -1 : 1;
  const order = (a: string, b: string) => sign * compareBytes(Buffer.from(a), Buffer.from(b));
  const ends = pages.filter(({ more }) => more).map(({ entries }) => entries.at(-1)!.key);
  const end = ends.sort(order)[0];
  const merged = pages
    .flatMap(({ entries }) => entries)
    .filter(({ key }) => end === undefined || order(key, end) <= 0)
    .sort((a, b) => order(a.key, b.key));
  return { entries: merged.slice(0, limit), more: end !== undefined || merged.length > limit };
}

/** As `scan.lua` packs them. */
function decodeRows(packed: Buffer): KvEntry[] {
  const entries: KvEntry[] = [];
  for (let at = 0; at < packed.length; ) {
    let lengths = at + 4;
    const end = lengths + packed.readUInt32LE(at) * 8;
    for (at = end; lengths < end; lengths += 8) {
      const keyEnd = at + packed.readUInt32LE(lengths);
      const rowEnd = keyEnd + packed.readUInt32LE(lengths + 4);
      const value = new Uint8Array(rowEnd - keyEnd - VERSION_BYTES);
      packed.copy(value, 0, keyEnd + VERSION_BYTES, rowEnd);
      entries.push({ key: packed.toString("utf8", at, keyEnd), version: readU64(packed, keyEnd), value });
      at = rowEnd;
    }
  }
  return entries;
}

function decodeRow(key: string, row: Buffer | null): KvEntry | null {
  return row && { key, version: readU64(row), value: copyOf(row, VERSION_BYTES) };
}

function bound(mark: "[" | "(", bytes: Uint8Array, none: string): string | Buffer {
  return bytes.length === 0 ? none : Buffer.concat([Buffer.from(mark), bytes]);
}
