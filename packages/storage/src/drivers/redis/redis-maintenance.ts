import { readU64 } from "@aspen/plugin-api/abi";
import { storageErrors } from "../../errors.js";
import type { Version } from "../../kv/key-value-store.js";
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
import {
  isNamespace,
  keyIn,
  strictUtf8,
  validateNamespaceVersion,
  validateRestore,
} from "../../maintenance/restorable.js";
import { throwIfCancelled } from "../../maintenance/signal.js";
import { Tally } from "../../maintenance/tally.js";
import type { RedisConnection } from "./connection/redis-connection.js";
import type { RedisMaintenanceParts } from "./maintenance-parts.js";
import { RedisVerification } from "./redis-verification.js";

const PAGE_KEYS = 500;
const PAGE_BYTES = 4 * 1024 * 1024;
const VERSION_BYTES = 8;

/** Maintenance of a Redis that nodes may be using. Every page and every check is one script, so it is of one moment. */
export class RedisMaintenance implements StoreMaintenance {
  constructor(
    private readonly connection: RedisConnection,
    private readonly parts: RedisMaintenanceParts,
  ) {}

  async *entries({ signal, onProgress }: MaintenanceOptions = {}): AsyncGenerator<StoredEntry> {
    let done = 0;
    const total = onProgress ? await this.#countKeys(signal) : null;
    for (const namespace of await this.#registered()) {
      for await (const page of this.#pages(namespace, false, signal)) {
        throwIfCancelled(signal, "reading the entries");
        for (const [bytes, row, expiresAt] of page) {
          const key = keyIn(bytes, namespace);
          if (key === null) throw storageErrors.undecodable(bytes.toString("utf8"));
          yield decodeEntry(key, row as Buffer, expiresAt);
        }
        done += page.length;
        onProgress?.({ phase: "keys", done, total, unit: "keys" });
      }
    }
  }

  async *namespaces({ signal }: MaintenanceOptions = {}): AsyncGenerator<StoredNamespace> {
    for (const namespace of await this.#registered()) {
      throwIfCancelled(signal, "reading the namespaces");
      const text = (await this.connection.read("GET", [this.parts.names(namespace).keys[0]])) as Buffer | null;
      if (text === null) continue;
      const version = Number(text.toString());
      if (!Number.isSafeInteger(version)) throw storageErrors.undecodable(namespace);
      yield { namespace, version };
    }
  }

  async raiseVersion(namespace: string, version: Version, { signal }: MaintenanceOptions = {}): Promise<Version> {
    validateNamespaceVersion(namespace, version);
    throwIfCancelled(signal, "raising a version");
    await this.parts.register(namespace);
    const raised = Number(
      await this.connection.script("raise-version", this.parts.names(namespace).keys, [version, "0"]),
    );
    if (raised < 0) throw storageErrors.undecodable(namespace);
    return raised;
  }

  async restore(
    entries: readonly Omit<StoredEntry, "version">[],
    { signal }: MaintenanceOptions = {},
  ): Promise<Restored> {
    const namespace = validateRestore(entries);
    if (namespace === null) return { written: 0, expired: 0 };
    throwIfCancelled(signal, "restoring entries");
    await this.parts.register(namespace);
    const args = entries.flatMap(({ key, value, expiresAt }) => [key, Buffer.from(value), expiresAt]);
    const reply = await this.connection.script("restore", this.parts.names(namespace).keys, args);
    const [written, expired] = (reply as number[]).map(Number) as [number, number];
    return { written, expired };
  }

  async *verify(options: VerifyOptions = {}): AsyncGenerator<Finding> {
    const total = options.onProgress ? await this.#countKeys(options.signal) : null;
    yield* new RedisVerification(this.connection, this.parts, options, total).run();
  }

  async stats({ signal, onProgress, largest }: StatsOptions = {}): Promise<KeyValueStats> {
    const tally = new Tally(largest);
    const total = onProgress ? await this.#countKeys(signal) : null;
    let indexEntries = 0;
    let expiryEntries = 0;
    let done = 0;
    for (const namespace of await this.#registered()) {
      const { index, expiries } = this.parts.names(namespace);
      const stats: NamespaceStats = { namespace, keys: 0, keyBytes: 0, valueBytes: 0 };
      for await (const page of this.#pages(namespace, true, signal)) {
        throwIfCancelled(signal, "counting");
        for (const [key, bytes] of page) {
          stats.keys += 1;
          stats.keyBytes += key.length;
          stats.valueBytes += Math.max(0, Number(bytes) - VERSION_BYTES);
        }
        done += page.length;
        onProgress?.({ phase: "keys", done, total, unit: "keys" });
      }
      indexEntries += Number(await this.connection.read("ZCARD", [index]));
      expiryEntries += Number(await this.connection.read("ZCARD", [expiries]));
      tally.add(stats);
    }
    return { driver: "redis", ...tally.result(), indexEntries, expiryEntries, storage: await this.#memory() };
  }

  /** Registered names that can be namespaces. */
  async #registered(): Promise<string[]> {
    const members = (await this.connection.read("SMEMBERS", [`${this.parts.prefix}:namespaces`])) as Buffer[];
    return members.flatMap((member) => {
      const name = strictUtf8(member);
      return name !== null && isNamespace(name) ? [name] : [];
    });
  }

  async #countKeys(signal: AbortSignal | undefined): Promise<number> {
    let total = 0;
    for (const namespace of await this.#registered()) {
      throwIfCancelled(signal, "counting");
      total += Number(await this.connection.read("ZCARD", [this.parts.names(namespace).index]));
    }
    return total;
  }

  async *#pages(
    namespace: string,
    sizesOnly: boolean,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<[key: Buffer, row: Buffer | number, expiresAt: number][]> {
    let from: Buffer | string = "-";
    for (;;) {
      throwIfCancelled(signal, "reading");
      const [last, ...flat] = (await this.connection.script("entries", this.parts.names(namespace).keys, [
        from,
        PAGE_KEYS,
        PAGE_BYTES,
        sizesOnly ? "1" : "0",
      ])) as [Buffer, ...unknown[]];
      if (last.length === 0) return;
      const page: [Buffer, Buffer | number, number][] = [];
      for (let i = 0; i < flat.length; i += 3) {
        page.push([flat[i] as Buffer, flat[i + 1] as Buffer | number, Number(flat[i + 2])]);
      }
      yield page;
      from = Buffer.concat([Buffer.from("("), last]);
    }
  }

  /** Values of INFO, summed over all primaries; maxMemoryBytes 0: no limit. */
  async #memory(): Promise<Record<string, number>> {
    const replies = await this.connection.readFromPrimaries("INFO", ["memory"]);
    const number = (name: string) =>
      replies
        .map(({ reply }) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(String(reply))?.[1] ?? 0))
        .reduce((sum, bytes) => sum + bytes, 0);
    return {
      usedMemoryBytes: number("used_memory"),
      peakMemoryBytes: number("used_memory_peak"),
      maxMemoryBytes: number("maxmemory"),
      residentMemoryBytes: number("used_memory_rss"),
    };
  }
}

function decodeEntry(key: string, row: Buffer, expiresAt: number): StoredEntry {
  try {
    const value = new Uint8Array(row.subarray(VERSION_BYTES));
    return { key, version: readU64(row), value, expiresAt: Math.max(0, expiresAt) };
  } catch {
    // The RangeError says no more than that.
    throw storageErrors.undecodable(key);
  }
}
