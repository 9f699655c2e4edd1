import {
  AspenError,
  AttachmentReader,
  decodeEnvelope,
  decodeUtf8,
  encodeEnvelope,
  encodeUtf8,
  type PutOptions,
  readU64,
  type ScanOptions,
} from "@aspen/plugin-api/abi";
import { assertBytes, hostCall, hostCallExpecting } from "../guest/host-call.js";
import { type EmitRequest, emitted } from "./events.js";

export type { PutOptions, ScanOptions };

/** One stored entry. */
export interface Entry {
  key: string;
  /** Grows with every write to the plugin's namespace. */
  version: number;
  bytes: Uint8Array;
  /** The value as UTF-8. */
  text(): string;
  /** The value parsed as JSON. @throws SyntaxError */
  json<T = unknown>(): T;
}

export interface ScanPage {
  /** In byte order of the keys. */
  entries: Entry[];
  /** Present when more may follow. */
  cursor?: string;
}

export type CasResult =
  | { ok: true; version: number }
  | { ok: false; actual: { version: number; bytes: Uint8Array } | null };

export type Check = { key: string; version: number } | { key: string; value: string | Uint8Array | null };
export type Op =
  | { type: "put"; key: string; value: string | Uint8Array; ttlMs?: number }
  | { type: "delete"; key: string }
  /** Stores the value under a new key that starts with `prefix`; see `kv.append`. */
  | { type: "append"; prefix: string; value: string | Uint8Array; ttlMs?: number };

/**
 * `appended` has the key of each `append`, in the order of the ops, and `emitted` the id of each event. `failed` is the index of the first check that did not
 * hold; nothing was applied then.
 */
export type TransactResult =
  | { ok: true; version: number; appended: string[]; emitted: string[] }
  | { ok: false; failed: number };

type Lengths = [version: number, valueLength: number];

/**
 * The plugin's own keys. Needs `kv:read` for reads and `kv:write` for writes.
 * Every method throws `AspenError`: `PERMISSION_DENIED`, `KV_NAMESPACE_DENIED`, `KV_KEY_INVALID`,
 * `PAYLOAD_TOO_LARGE`, `STORE_UNAVAILABLE`.
 */
export const kv = {
  async get(key: string): Promise<Entry | null> {
    const result = await hostCall("kv_get", key);
    return result && entry(key, readU64(result), result.slice(8));
  },

  /** In the order of `keys`, at most 1,000. */
  async getMany(keys: readonly string[]): Promise<(Entry | null)[]> {
    const { header, attachments } = decodeEnvelope<(Lengths | null)[]>(
      await hostCallExpecting("kv_get_many", JSON.stringify(keys)),
    );
    const values = new AttachmentReader(attachments);
    return header.map((found, index) => found && entry(keys[index]!, found[0], values.next(found[1])));
  },

  /** Returns the new version. */
  async put(key: string, value: string | Uint8Array, options: PutOptions = {}): Promise<number> {
    return readU64(await hostCallExpecting("kv_put", key, value, JSON.stringify(options)));
  },

  /** True when the key was there. */
  async delete(key: string): Promise<boolean> {
    return (await hostCallExpecting("kv_delete", key))[0] === 1;
  },

  async scan(options: ScanOptions): Promise<ScanPage> {
    const { header, attachments } = decodeEnvelope<{
      entries: [key: string, version: number, valueLength: number][];
      cursor?: string;
    }>(await hostCallExpecting("kv_scan", JSON.stringify(options)));
    const values = new AttachmentReader(attachments);
    const entries = header.entries.map(([key, version, length]) => entry(key, version, values.next(length)));
    return header.cursor === undefined ? { entries } : { entries, cursor: header.cursor };
  },

  /**
   * Compare-and-swap: `expected` null stands for an absent entry, `next` null deletes it and takes no options. As with
   * `put`, the entry lives as long as the options say from now on, whatever was left of its time.
   */
  async cas(
    key: string,
    expected: string | Uint8Array | null,
    next: string | Uint8Array | null,
    options?: PutOptions,
  ): Promise<CasResult> {
    const { header, attachments } = decodeEnvelope<
      { ok: true; version: number } | { ok: false; actual: Lengths | null }
    >(await hostCallExpecting("kv_cas", key, expected, next, options === undefined ? null : JSON.stringify(options)));
    if (header.ok) return header;
    return { ok: false, actual: header.actual && { version: header.actual[0], bytes: attachments.slice() } };
  },

  /**
   * Adds a whole number to the one that the key holds as decimal text, absent as 0; returns the sum. No update is lost,
   * however many instances and nodes add at once. Needs `kv:read` too. The options are those of `put`.
   *
   * @throws AspenError `INVALID_PARAMS` when the key holds something else, or the sum is not within ±(2^53-1);
   * `KV_CONFLICT` when others were faster a thousand times
   */
  async add(key: string, amount = 1, options?: PutOptions): Promise<number> {
    let before = (await kv.get(key))?.bytes ?? null;
    for (let attempt = 0; attempt < ADD_ATTEMPTS; attempt += 1) {
      const sum = wholeNumber(key, before) + amount;
      if (!Number.isSafeInteger(sum) || !Number.isSafeInteger(amount)) {
        throw new AspenError("INVALID_PARAMS", `what ${key} would hold is no whole number within ±(2^53-1)`);
      }
      const swapped = await kv.cas(key, before, String(sum), options);
      if (swapped.ok) return sum;
      before = swapped.actual?.bytes ?? null;
    }
    throw new AspenError("KV_CONFLICT", `${key} was changed ${ADD_ATTEMPTS} times while it was to be added to`);
  },

  /**
   * Stores a value under a new key: `prefix` + the namespace's new version as 16 hexadecimal digits + `-0000`. A scan of the
   * prefix thus gives what was appended in the order in which it was. The prefix must hold a whole namespace, so it has a
   * `:`, and at most 1,003 bytes. To append together with other writes, use `transact`.
   */
  async append(
    prefix: string,
    value: string | Uint8Array,
    options: PutOptions = {},
  ): Promise<{ key: string; version: number }> {
    const result = await kv.transact({ ops: [{ type: "append", prefix, value, ...options }] });
    if (!result.ok) throw new Error("a transaction without checks cannot fail one");
    return { key: result.appended[0]!, version: result.version };
  },

  /**
   * Applies every op when every check holds, or nothing. All keys must be of one namespace. `events`, at most 100, are emitted
   * there in the same transaction: no change without its event, and no event of a change that failed. They need `events:emit`.
   */
  async transact(transaction: {
    checks?: readonly Check[];
    ops?: readonly Op[];
    events?: readonly EmitRequest[];
  }): Promise<TransactResult> {
    const attachments: Uint8Array[] = [];
    const attach = (value: string | Uint8Array) => {
      assertBytes("kv_transact", value);
      const bytes = typeof value === "string" ? encodeUtf8(value) : value;
      attachments.push(bytes);
      return bytes.length;
    };
    const checks = (transaction.checks ?? []).map((check) => {
      if ("version" in check) return { key: check.key, version: check.version };
      return check.value === null
        ? { key: check.key, absent: true }
        : { key: check.key, valueLength: attach(check.value) };
    });
    // What has another type is told to the host as it is, which refuses it.
    const ops = (transaction.ops ?? []).map((op) => ({
      op: op.type,
      ...(op.type === "append" ? { prefix: op.prefix } : { key: op.key }),
      ...(op.type === "put" || op.type === "append" ? { valueLength: attach(op.value), ttlMs: op.ttlMs } : {}),
    }));
    const events = transaction.events?.map((event) => emitted(event, attachments));
    const envelope = encodeEnvelope({ checks, ops, events }, attachments);
    const { header } = decodeEnvelope<TransactResult>(await hostCallExpecting("kv_transact", envelope));
    return header.ok ? { ...header, emitted: header.emitted ?? [] } : header;
  },
};

/** Swaps that are tried; each that fails is another caller's that went well. */
const ADD_ATTEMPTS = 1000;

function wholeNumber(key: string, bytes: Uint8Array | null): number {
  const text = bytes === null ? "0" : decodeUtf8(bytes);
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new AspenError("INVALID_PARAMS", `${key} holds no whole number`);
}

function entry(key: string, version: number, bytes: Uint8Array): Entry {
  return {
    key,
    version,
    bytes,
    text: () => decodeUtf8(bytes),
    json: <T>() => JSON.parse(decodeUtf8(bytes)) as T,
  };
}
