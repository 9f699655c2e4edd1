import { randomUUID } from "node:crypto";
import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import type { Check, KeyValueStore, KvEntry, Op } from "@aspen/storage";
import {
  delayKey,
  HELD,
  heldPrefix,
  SESSIONS,
  type StoredSession,
  type StoredValue,
  sessionKey,
  valueKey,
} from "./consul-keys.js";

/** A session, and the version of its entry. */
export interface FoundSession extends StoredSession {
  version: number;
}

const PAGE = 500;
const ATTEMPTS = 20;

/** What of a session is kept with each key that it holds, for when the session itself is gone. */
type HeldNote = Pick<StoredSession, "lockDelayMs" | "behavior">;

/** Consul's sessions: they expire by the clock of the store, and what they hold is released then. */
export class Sessions {
  constructor(private readonly kv: KeyValueStore) {}

  async create(session: Omit<StoredSession, "id">): Promise<string> {
    const id = randomUUID();
    await this.kv.put(sessionKey(id), json({ id, ...session }), ttlOf(session));
    return id;
  }

  async get(id: string): Promise<FoundSession | null> {
    const entry = await this.kv.get(sessionKey(id));
    return entry && shown(entry);
  }

  /** At most 10,000. */
  async list(): Promise<FoundSession[]> {
    const { entries } = await this.kv.scan({ prefix: SESSIONS, limit: 10_000 });
    return entries.map(shown);
  }

  /** Begins its time anew; null when it is over. */
  async renew(id: string): Promise<FoundSession | null> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const entry = await this.kv.get(sessionKey(id));
      if (!entry) return null;
      const session = shown(entry);
      const swapped = await this.kv.compareAndSwap(entry.key, entry.value, entry.value, ttlOf(session));
      if (swapped.ok) return session;
    }
    return this.get(id);
  }

  /** Ends it, and lets go what it holds. */
  async destroy(id: string): Promise<void> {
    await this.kv.delete(sessionKey(id));
    await this.release(id);
  }

  /** Lets go what a session held that is gone. */
  async release(id: string): Promise<void> {
    const prefix = heldPrefix(id);
    for (;;) {
      const { entries } = await this.kv.scan({ prefix, limit: PAGE });
      for (const held of entries) await this.#releaseKey(id, held.key.slice(prefix.length), held);
      if (entries.length < PAGE) return;
    }
  }

  /** Lets go what the sessions held that have expired; says whether any holds something. */
  async sweep(): Promise<boolean> {
    const { entries } = await this.kv.scan({ prefix: HELD, keysOnly: true, limit: 10_000 });
    const ids = [...new Set(entries.map(({ key }) => key.slice(HELD.length).split("/", 1)[0]!))];
    for (let at = 0; at < ids.length; at += PAGE) {
      const part = ids.slice(at, at + PAGE);
      const found = await this.kv.getMany(part.map(sessionKey));
      for (const [index, id] of part.entries()) if (!found[index]) await this.release(id);
    }
    return entries.length > 0;
  }

  async #releaseKey(id: string, key: string, held: KvEntry): Promise<void> {
    const { lockDelayMs, behavior } = JSON.parse(decodeUtf8(held.value)) as HeldNote;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const entry = await this.kv.get(valueKey(key));
      const value = entry && (JSON.parse(decodeUtf8(entry.value)) as StoredValue);
      const ops: Op[] = [{ type: "delete", key: held.key }];
      const checks: Check[] = [];
      if (entry && value?.session === id) {
        checks.push({ key: entry.key, version: entry.version });
        const free = { ...value, created: value.created ?? entry.version, session: null };
        ops.push(
          behavior === "delete"
            ? { type: "delete", key: entry.key }
            : { type: "put", key: entry.key, value: json(free) },
        );
        // The holder may not know yet that it is none any more.
        if (lockDelayMs > 0) ops.push({ type: "put", key: delayKey(key), value: json(1), ttlMs: lockDelayMs });
      }
      if ((await this.kv.transact({ checks, ops })).ok) return;
    }
  }
}

export function json(value: unknown): Uint8Array {
  return encodeUtf8(JSON.stringify(value));
}

export function ttlOf({ ttlMs }: Pick<StoredSession, "ttlMs">): { ttlMs?: number } {
  return ttlMs === null ? {} : { ttlMs };
}

function shown({ value, version }: KvEntry): FoundSession {
  return { ...(JSON.parse(decodeUtf8(value)) as StoredSession), version };
}
