import { decodeUtf8 } from "@aspen/plugin-api/abi";
import { storageErrors } from "../../errors.js";
import type { Version } from "../../key-value-store.js";
import { Waiters } from "../../waiters.js";
import { type Change, type ChangeLog, WATCH_LEASE_MS } from "../../watch.js";
import type { RedisConnection } from "./connection.js";

/** Milliseconds after which a watch looks for changes, and for what has expired, without being told. */
const LOOK_MS = 1000;

export interface RedisChangeLogParts {
  /** Where scripts publish the namespace that they changed. */
  channel: string;
  keys(namespace: string): string[];
  /** What every script is told first. */
  arguments(namespace: string): string[];
}

/** The past of watched namespaces in streams. */
export class RedisChangeLog implements ChangeLog {
  readonly #waiters = new Waiters();
  /** Newest versions that were heard of, of the namespaces that are watched here. */
  readonly #heard = new Map<string, Version>();
  #subscribed: Promise<() => void> | null = null;

  constructor(
    private readonly connection: RedisConnection,
    private readonly parts: RedisChangeLogParts,
  ) {}

  async lease(namespace: string): Promise<Version> {
    this.#subscribed ??= this.connection.subscribe(this.parts.channel, (message) => this.#hear(message));
    await this.#subscribed.catch((error) => {
      this.#subscribed = null;
      throw error;
    });
    const version = Number(await this.connection.script("lease", this.parts.keys(namespace), [WATCH_LEASE_MS]));
    this.#heard.set(namespace, Math.max(version, this.#heard.get(namespace) ?? 0));
    return version;
  }

  async read(namespace: string, after: Version, limit: number): Promise<Change[]> {
    const heard = this.#heard.get(namespace) ?? 0;
    const reply = await this.connection.script("read-changes", this.parts.keys(namespace), [after, limit]);
    const [kept, ...entries] = reply as [number, ...StreamEntry[]];
    if (Number(kept) === 0) throw storageErrors.watchCompacted(namespace, after);
    // What was heard of is not there: the server was emptied since. Without this a watch would not wait any more.
    if (entries.length === 0 && heard > after && this.#heard.get(namespace) === heard)
      this.#heard.set(namespace, after);
    return entries.map(decodeEntry);
  }

  async wait(namespace: string, after: Version, signal: AbortSignal): Promise<void> {
    if ((this.#heard.get(namespace) ?? 0) > after) return;
    const late = await this.#waiters.wait(namespace, signal, LOOK_MS);
    if (late) await this.connection.script("sweep", this.parts.keys(namespace), this.parts.arguments(namespace));
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
    const namespace = message.slice(space + 1);
    if (!this.#heard.has(namespace)) return;
    this.#heard.set(namespace, Number(message.slice(0, space)));
    this.#waiters.wake(namespace);
  }
}

type StreamEntry = [id: Buffer, fields: [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]];

function decodeEntry([id, [, kind, , key, , value]]: StreamEntry): Change {
  const type = kind.toString();
  return {
    version: Number(id.toString().split("-")[0]),
    key: decodeUtf8(key),
    value: type === "p" ? new Uint8Array(value) : null,
    expired: type === "x",
  };
}
