import { decodeUtf8 } from "@aspen/plugin-api/abi";
import { storageErrors } from "../../errors.js";
import type { Version } from "../../kv/key-value-store.js";
import { Waiters } from "../../kv/waiters.js";
import { type Change, type ChangeLog, WATCH_LEASE_MS } from "../../kv/watch.js";
import type { RedisConnection } from "./connection/redis-connection.js";

/**
 * Milliseconds after which a watch looks for changes and expiries that nobody has told it of. Normally it is told of both;
 * the sweeper of any store tells of expiries.
 */
const LOOK_MS = 10_000;

export interface RedisChangeLogParts {
  /** Where scripts publish the version of a namespace that they changed, and the key of that version. */
  channel: string;
  /** Of the scripts on a namespace. */
  keys(namespace: string): readonly [version: string, ...string[]];
}

/** The past of watched namespaces in streams, as one connection hears of it. */
export class RedisChangeLog {
  readonly #waiters = new Waiters();
  /** Newest versions that were heard of, by the version keys of the namespaces that are watched here. */
  readonly #heard = new Map<string, Version>();
  #subscribed: Promise<() => void> | null = null;

  constructor(
    private readonly connection: RedisConnection,
    private readonly parts: RedisChangeLogParts,
  ) {}

  /** The log as one watch reads it. */
  forWatch(): ChangeLog {
    const reader = new MarkedReader();
    return {
      lease: (namespace) => this.#lease(namespace, reader),
      read: (namespace, after, limit) => this.#read(namespace, after, limit, reader),
      wait: (namespace, after, signal) => this.#wait(namespace, after, signal),
    };
  }

  async #lease(namespace: string, reader: MarkedReader): Promise<Version> {
    this.#subscribed ??= this.connection.subscribe(this.parts.channel, (message) => this.#hear(message));
    await this.#subscribed.catch((error) => {
      this.#subscribed = null;
      throw error;
    });
    const keys = this.parts.keys(namespace);
    const reply = await this.connection.script("lease", keys, [WATCH_LEASE_MS, this.parts.channel]);
    const version = reader.leased(reply as [number, Buffer, Buffer]);
    this.#heard.set(keys[0], Math.max(version, this.#heard.get(keys[0]) ?? 0));
    return version;
  }

  async #read(namespace: string, after: Version, limit: number, reader: MarkedReader): Promise<Change[]> {
    const keys = this.parts.keys(namespace);
    const heard = this.#heard.get(keys[0]) ?? 0;
    const args = [after, limit, reader.watch, reader.markOf(after)];
    const reply = await this.connection.script("read-changes", keys, args);
    const [kept, ...entries] = reply as [number, ...StreamEntry[]];
    if (Number(kept) === 0) throw storageErrors.watchCompacted(namespace, after);
    // The version that was heard of is not there: the server was emptied. Without this, watches would never wait again.
    if (entries.length === 0 && heard > after && this.#heard.get(keys[0]) === heard) this.#heard.set(keys[0], after);
    const changes = entries.map(decodeEntry);
    if (changes.length > 0) reader.read(changes.at(-1)!.version, entries.at(-1)![1][7]);
    return changes;
  }

  async #wait(namespace: string, after: Version, signal: AbortSignal): Promise<void> {
    const keys = this.parts.keys(namespace);
    if ((this.#heard.get(keys[0]) ?? 0) > after) return;
    const late = await this.#waiters.wait(keys[0], signal, LOOK_MS);
    if (late) await this.connection.script("sweep", keys, []);
  }

  /** Ends every wait. */
  close(): void {
    this.#waiters.wake(null);
    this.#subscribed?.then((unsubscribe) => unsubscribe()).catch(() => undefined);
  }

  /** Null: something may have been missed. */
  #hear(message: string | null): void {
    if (message === null) {
      this.#waiters.wake(null);
      return;
    }
    const space = message.indexOf(" ");
    const key = message.slice(space + 1);
    if (!this.#heard.has(key)) return;
    this.#heard.set(key, Number(message.slice(0, space)));
    this.#waiters.wake(key);
  }
}

/** Marks that tell a watch whether the changes that it has read are still the past: see `lua/read-changes.lua`. */
class MarkedReader {
  watch = "";
  /** Those of the versions from which it may go on. */
  readonly #marks = new Map<Version, string>();

  leased([version, watch, mark]: [number, Buffer, Buffer]): Version {
    this.watch ||= decodeUtf8(watch);
    this.#marks.set(Number(version), decodeUtf8(mark));
    return Number(version);
  }

  read(version: Version, mark: Buffer): void {
    this.#marks.clear();
    this.#marks.set(version, decodeUtf8(mark));
  }

  markOf(version: Version): string {
    return this.#marks.get(version) ?? "";
  }
}

type StreamEntry = [id: Buffer, fields: [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]];

function decodeEntry([id, [, kind, , key, , value]]: StreamEntry): Change {
  const type = kind.toString();
  return {
    version: Number(id.toString().split("-")[0]),
    key: decodeUtf8(key),
    value: type === "p" ? new Uint8Array(value) : null,
    expired: type === "x",
  };
}
