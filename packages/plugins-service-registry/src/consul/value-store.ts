import { decodeUtf8 } from "@aspen/plugin-api";
import type { Check, KeyValueStore, KvEntry, Op } from "@aspen/storage";
import { ConsulError } from "./consul-error.js";
import { delayKey, heldKey, type StoredValue, sessionKey, valueKey } from "./consul-keys.js";
import { json, type Sessions } from "./sessions.js";

const ATTEMPTS = 50;

export interface PutValue {
  value: Buffer;
  flags: number;
  /** Index that the key must have; 0: it must not be there. */
  cas?: number | undefined;
  acquire?: string | undefined;
  release?: string | undefined;
}

/** Consul's key-value store, over the node's. */
export class ValueStore {
  constructor(
    private readonly kv: KeyValueStore,
    private readonly sessions: Sessions,
  ) {}

  /** False when a compare-and-swap or a lock is refused. */
  async put(key: string, wanted: PutValue): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const entry = await this.kv.get(valueKey(key));
      const change = await this.#change(key, entry, wanted);
      if (change === false) return false;
      if ((await this.kv.transact(change)).ok) return true;
    }
    throw new ConsulError(500, "The key changed too often; try again");
  }

  /** False when a compare-and-swap is refused. */
  async delete(key: string, cas: number | undefined): Promise<boolean> {
    if (cas === undefined) {
      await this.kv.delete(valueKey(key));
      return true;
    }
    const entry = await this.kv.get(valueKey(key));
    if (!entry) return true;
    const checks: Check[] = [{ key: entry.key, version: cas }];
    return cas !== 0 && (await this.kv.transact({ checks, ops: [{ type: "delete", key: entry.key }] })).ok;
  }

  async #change(
    key: string,
    entry: KvEntry | null,
    { value, flags, cas, acquire, release }: PutValue,
  ): Promise<{ checks: Check[]; ops: Op[] } | false> {
    const before = entry && storedOf(entry);
    if (cas !== undefined && cas !== (entry?.version ?? 0)) return false;
    const checks: Check[] = [entry ? { key: entry.key, version: entry.version } : { key: valueKey(key), value: null }];
    const next: StoredValue = {
      ...{ value: value.toString("base64"), flags },
      created: entry && (before?.created ?? entry.version),
      ...{ lockIndex: before?.lockIndex ?? 0, session: before?.session ?? null },
    };
    const ops: Op[] = [];
    if (acquire !== undefined) {
      const locked = await this.#lock(key, acquire, before);
      if (!locked) return false;
      checks.push(...locked.checks);
      ops.push(...locked.ops);
      if (before?.session !== acquire) next.lockIndex += 1;
      next.session = acquire;
    }
    if (release !== undefined) {
      if (before?.session !== release) return false;
      next.session = null;
      ops.push({ type: "delete", key: heldKey(release, key) });
    }
    ops.push({ type: "put", key: valueKey(key), value: json(next) });
    return { checks, ops };
  }

  /** What takes a lock; null while another holds it or has just vanished. @throws ConsulError 500 for no session */
  async #lock(key: string, id: string, before: StoredValue | null): Promise<{ checks: Check[]; ops: Op[] } | null> {
    const holder = before?.session ?? null;
    const keys = [sessionKey(id), delayKey(key), ...(holder === null ? [] : [sessionKey(holder)])];
    const [session, delayed, held] = await this.kv.getMany(keys);
    if (!session) throw new ConsulError(500, `invalid session "${id.slice(0, 64)}"`);
    if (holder !== null && holder !== id) {
      // Nobody has told yet that its time is over.
      if (!held) await this.sessions.release(holder);
      return null;
    }
    if (delayed && holder !== id) return null;
    const { lockDelayMs, behavior } = JSON.parse(decodeUtf8(session.value));
    return {
      checks: [{ key: session.key, value: session.value }],
      ops: [{ type: "put", key: heldKey(id, key), value: json({ lockDelayMs, behavior }) }],
    };
  }
}

export function storedOf({ value }: KvEntry): StoredValue {
  return JSON.parse(decodeUtf8(value)) as StoredValue;
}
