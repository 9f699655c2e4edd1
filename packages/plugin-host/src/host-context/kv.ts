import { AttachmentReader, isEventLogKey, LIMITS, namespaceOf } from "@aspen/plugin-api/abi";
import {
  assertKeyAllowed,
  assertScanPrefixAllowed,
  type Check,
  type KvEntry,
  type Op,
  type PutOptions,
  readMany,
  readManySync,
  readPage,
  readPageSync,
  type ScanOptions,
  type ScanPage,
  type Transaction,
} from "@aspen/storage";
import { hostErrors } from "../errors.js";
import type { HostCost } from "../limits/plugin-usage.js";
import { assertMayEmit, emittedBy, eventOf, type NamedEvent } from "./events.js";
import { type CallScope, defineHostFunction, LOCAL_UNAVAILABLE } from "./host-function.js";
import { bytesArg, envelopeArg, isRecord, jsonArg, optional, recordArg, stringArg } from "./parameters.js";

/** Bytes of a list of as many keys as may be read at once, as JSON. */
const KEYS_BYTES = 2 * 1024 * 1024;

function allowedKey(scope: CallScope, args: readonly (Uint8Array | null)[]): string {
  const { length } = bytesArg(args, 0, "key");
  // A key that is too long for every store is not decoded.
  if (length > LIMITS.keyBytes) throw hostErrors.keyTooLong(length);
  const key = stringArg(args, 0, "key");
  assertKeyAllowed(scope.grant.kvPrefixes, key);
  return key;
}

/** Events are made and dropped by the node alone, so that nobody forges one or takes one from those who follow. */
function assertWritable(kind: "key" | "prefix", value: string): string {
  if (isEventLogKey(value)) throw hostErrors.eventLogKey(kind, value);
  return value;
}

const writableKey = (scope: CallScope, args: readonly (Uint8Array | null)[]): string =>
  assertWritable("key", allowedKey(scope, args));

function putOptions(value: Record<string, unknown>): PutOptions {
  const { ttlMs } = value;
  if (ttlMs === undefined) return {};
  // JSON turns NaN and Infinity into null, which must not mean "never expires".
  if (typeof ttlMs !== "number" || !Number.isSafeInteger(ttlMs) || ttlMs < 1) {
    throw hostErrors.invalidArgument("ttlMs", "must be a whole number of milliseconds, at least 1");
  }
  return { ttlMs };
}

const one = (): HostCost => ({ kvOps: 1 });

const many = (entries: (KvEntry | null)[]) => ({
  header: entries.map((entry) => entry && [entry.version, entry.value.length]),
  attachments: entries.flatMap((entry) => (entry ? [entry.value] : [])),
});

const page = ({ entries, cursor }: ScanPage) => ({
  header: {
    entries: entries.map(({ key, version, value }) => [key, version, value.length]),
    ...(cursor === undefined ? {} : { cursor }),
  },
  attachments: entries.map(({ value }) => value),
});

export const kvGet = defineHostFunction<string>({
  prepare: allowedKey,
  cost: one,
  run: ({ kv }, key) => kv.get(key),
  runLocally: ({ reader }, key) => (reader ? reader.get(key) : LOCAL_UNAVAILABLE),
});

export const kvGetMany = defineHostFunction<string[]>({
  prepare(scope, args) {
    const keys = jsonArg(args, 0, "keys", KEYS_BYTES);
    if (!Array.isArray(keys) || !keys.every((key) => typeof key === "string")) {
      throw hostErrors.invalidArgument("keys", "must be an array of strings");
    }
    for (const key of keys) assertKeyAllowed(scope.grant.kvPrefixes, key);
    return keys;
  },
  cost: (keys) => ({ kvOps: Math.max(1, keys.length) }),
  run: async ({ kv }, keys) => many(await readMany(kv, keys)),
  runLocally: ({ reader }, keys) => (reader ? many(readManySync(reader, keys)) : LOCAL_UNAVAILABLE),
});

export const kvPut = defineHostFunction<{ key: string; value: Uint8Array; options: PutOptions }>({
  prepare: (scope, args) => ({
    key: writableKey(scope, args),
    value: bytesArg(args, 1, "value"),
    options: putOptions(recordArg(args, 2, "options")),
  }),
  cost: one,
  run: ({ kv }, { key, value, options }) => kv.put(key, value, options),
});

export const kvDelete = defineHostFunction<string>({
  prepare: writableKey,
  cost: one,
  run: ({ kv }, key) => kv.delete(key),
});

export const kvScan = defineHostFunction<ScanOptions>({
  prepare(scope, args) {
    const given = recordArg(args, 0, "options");
    const prefix = optional(given.prefix, "string", "prefix") ?? "";
    assertScanPrefixAllowed(scope.grant.kvPrefixes, prefix);
    const after = optional(given.after, "string", "after");
    const limit = optional(given.limit, "number", "limit");
    return {
      prefix,
      ...(after === undefined ? {} : { after }),
      ...(limit === undefined ? {} : { limit }),
      reverse: optional(given.reverse, "boolean", "reverse") ?? false,
      keysOnly: optional(given.keysOnly, "boolean", "keysOnly") ?? false,
    };
  },
  cost: one,
  run: async ({ kv }, options) => page(await readPage(kv, options)),
  runLocally: ({ reader }, options) => (reader ? page(readPageSync(reader, options)) : LOCAL_UNAVAILABLE),
});

export const kvCas = defineHostFunction<{
  key: string;
  expected: Uint8Array | null;
  next: Uint8Array | null;
  options: PutOptions;
}>({
  prepare: (scope, args) => ({
    key: writableKey(scope, args),
    expected: args[1] ?? null,
    next: args[2] ?? null,
    options: args[3] ? putOptions(recordArg(args, 3, "options")) : {},
  }),
  cost: one,
  async run({ kv }, { key, expected, next, options }) {
    const result = await kv.compareAndSwap(key, expected, next, options);
    if (result.ok) return { header: result, attachments: [] };
    const { actual } = result;
    return {
      header: { ok: false, actual: actual && [actual.version, actual.value.length] },
      attachments: actual ? [actual.value] : [],
    };
  },
});

export const kvTransact = defineHostFunction<Transaction & { events: NamedEvent[] }>({
  prepare(scope, args) {
    const { header, attachments } = envelopeArg(args, 0, "transaction");
    const reader = new AttachmentReader(attachments);
    const list = (name: string) => {
      const items = header[name] ?? [];
      if (!Array.isArray(items) || !items.every(isRecord))
        throw hostErrors.invalidArgument(name, "must be an array of objects");
      return items as Record<string, unknown>[];
    };
    const keyOf = (item: Record<string, unknown>) => {
      const key = optional(item.key, "string", "key") ?? "";
      assertKeyAllowed(scope.grant.kvPrefixes, key);
      return key;
    };
    const checks = list("checks").map((item): Check => {
      const key = keyOf(item);
      const version = optional(item.version, "number", "version");
      if (version !== undefined) return { key, version };
      return { key, value: item.absent === true ? null : reader.next(Number(item.valueLength)) };
    });
    const ops = list("ops").map((item): Op => {
      if (item.op === "append") {
        const prefix = optional(item.prefix, "string", "prefix") ?? "";
        assertScanPrefixAllowed(scope.grant.kvPrefixes, prefix);
        assertWritable("prefix", prefix);
        return { type: "append", prefix, value: reader.next(Number(item.valueLength)), ...putOptions(item) };
      }
      const key = assertWritable("key", keyOf(item));
      if (item.op === "delete") {
        if (item.valueLength !== undefined) throw hostErrors.invalidArgument("valueLength", "is not part of a delete");
        return { type: "delete", key };
      }
      if (item.op !== "put") throw hostErrors.invalidArgument("op", 'must be "put", "delete" or "append"');
      return { type: "put", key, value: reader.next(Number(item.valueLength)), ...putOptions(item) };
    });
    const asked = list("events");
    if (asked.length === 0) return { checks, ops, events: [] };
    if (asked.length > LIMITS.eventsPerTransaction) throw hostErrors.tooManyEvents(asked.length);
    assertMayEmit(scope, "kv_transact");
    const named = [...ops, ...checks].map((one) => namespaceOf("key" in one ? one.key : one.prefix))[0];
    return { checks, ops, events: asked.map((item) => eventOf(scope, { namespace: named, ...item }, reader)) };
  },
  cost: ({ checks, ops, events }) => ({ kvOps: Math.max(1, checks.length + ops.length), events: events.length }),
  async run({ kv, eventOp }, { checks, ops, events }, { grant }, call) {
    const emitted = events.map(({ namespace, event }) => eventOp(namespace, emittedBy(grant.plugin, event, call)));
    const result = await kv.transact({ checks, ops: [...ops, ...emitted] });
    if (!result.ok || events.length === 0) return { header: result, attachments: [] };
    const { appended, ...rest } = result;
    const own = appended.length - events.length;
    return {
      header: { ...rest, appended: appended.slice(0, own), emitted: appended.slice(own) },
      attachments: [],
    };
  },
});
