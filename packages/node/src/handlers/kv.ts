import { LIMITS } from "@aspen/plugin-api";
import {
  type Caller,
  type HandlerFactory,
  type MethodsOf,
  method,
  methodsHandlerFactory,
  toWire,
} from "@aspen/rpc-core";
import { bytesSchema, wireValueSchema } from "@aspen/rpc-core/zod";
import { appendValue, type KeyValueStore } from "@aspen/storage";
import { z } from "zod";
import { nodeErrors } from "../errors.js";
import { KeyGuard } from "./key-guard.js";
import { readVisiblePage } from "./visible-page.js";

const key = z.string();
const version = z.number();
const scanned = z.strictObject({ key, value: wireValueSchema.optional(), version });
/** Entries that a stream reads at once. */
const STREAM_PAGE = 500;
/** Every key that the params name must be granted. */
const byKey = { kvKeys: ({ key }: { key: string }) => [key] };

/** `kv.*`: every key but the node's own, and those of plugins for an admin alone. Copy this file for a new family of core methods. */
export function kvHandler(kv: KeyValueStore, guard = new KeyGuard()): HandlerFactory {
  return methodsHandlerFactory({ name: "kv", priority: 100, methods: () => kvMethods(kv, guard) });
}

/** Params and results of the methods, from the table below. */
export type KvMethods = MethodsOf<ReturnType<typeof kvMethods>>;

declare module "@aspen/rpc-core" {
  interface RpcMethods extends KvMethods {}
}

function kvMethods(kv: KeyValueStore, guard: KeyGuard) {
  return {
    "kv.get": method({
      summary: "Reads one entry; null when it is absent.",
      params: z.strictObject({ key }),
      result: z.strictObject({ key, value: wireValueSchema, version }).nullable(),
      access: byKey,
      safe: true,
      handle: async (params, { caller }) => {
        guard.assert(caller, params.key);
        const entry = await kv.get(params.key);
        return entry && { key: entry.key, value: toWire(entry.value), version: entry.version };
      },
    }),
    "kv.put": method({
      summary: "Writes one entry.",
      params: z.strictObject({ key, value: bytesSchema, ttlMs: z.int().min(1).optional() }),
      result: z.strictObject({ version }),
      access: byKey,
      handle: async ({ key, value, ttlMs }, { caller }) => {
        guard.assert(caller, key);
        return { version: await kv.put(key, value, ttlMs === undefined ? {} : { ttlMs }) };
      },
    }),
    "kv.append": method({
      summary:
        "Writes one entry under a new key: the prefix, which holds a whole namespace, and the namespace's new version. Keys of a prefix are in the order of the appends.",
      params: z.strictObject({ prefix: z.string(), value: bytesSchema, ttlMs: z.int().min(1).optional() }),
      result: z.strictObject({ key, version }),
      access: { kvKeys: ({ prefix }) => [prefix] },
      handle: async ({ prefix, value, ttlMs }, { caller }) => {
        guard.assert(caller, prefix);
        return appendValue(kv, prefix, value, ttlMs === undefined ? {} : { ttlMs });
      },
    }),
    "kv.delete": method({
      summary: "Deletes one entry; says whether it was there.",
      params: z.strictObject({ key }),
      result: z.strictObject({ deleted: z.boolean() }),
      access: byKey,
      handle: async ({ key }, { caller }) => {
        guard.assert(caller, key);
        return { deleted: await kv.delete(key) };
      },
    }),
    "kv.scan": method({
      summary:
        "One page of the entries whose keys start with prefix, in byte order: as many as limit, or fewer large ones; cursor null at the end. As a stream, every entry, or as many as limit.",
      params: z.strictObject({
        prefix: z.string(),
        after: z.string().optional(),
        limit: z.int().min(1).max(LIMITS.scanMax).optional(),
        reverse: z.boolean().optional(),
        keysOnly: z.boolean().optional(),
      }),
      result: z.strictObject({ entries: z.array(scanned), cursor: z.string().nullable() }),
      access: { kvKeys: ({ prefix }) => [prefix] },
      safe: true,
      handle: (params, { caller }) => scan(kv, guard, caller, params),
      stream: { item: scanned, items: (params, { caller, signal }) => scanAll(kv, guard, caller, params, signal) },
    }),
    "kv.cas": method({
      summary:
        "Writes value (null deletes) when the entry has the expected value (null: is absent); it lives for ttlMs, or for ever.",
      params: z.strictObject({
        key,
        expected: bytesSchema.nullable(),
        value: bytesSchema.nullable(),
        ttlMs: z.int().min(1).optional(),
      }),
      result: z.strictObject({ version }),
      access: byKey,
      handle: async ({ key, expected, value, ttlMs }, { caller }) => {
        guard.assert(caller, key);
        const result = await kv.compareAndSwap(key, expected, value, ttlMs === undefined ? {} : { ttlMs });
        if (result.ok) return { version: result.version };
        const { actual } = result;
        throw nodeErrors.conflict(key, actual && { value: toWire(actual.value), version: actual.version });
      },
    }),
  };
}

interface ScanParams {
  prefix: string;
  after?: string | undefined;
  limit?: number | undefined;
  reverse?: boolean | undefined;
  keysOnly?: boolean | undefined;
}

async function scan(
  kv: KeyValueStore,
  guard: KeyGuard,
  caller: Caller,
  { prefix, after, limit, reverse, keysOnly }: ScanParams,
) {
  guard.assert(caller, prefix);
  const options = {
    prefix,
    ...(after === undefined ? {} : { after }),
    ...(limit === undefined ? {} : { limit }),
    ...(reverse === undefined ? {} : { reverse }),
    ...(keysOnly === undefined ? {} : { keysOnly }),
  };
  // A prefix wider than what belongs to others meets its entries; the page is then shorter than its limit.
  const page = await readVisiblePage(kv, options, (key) => guard.hiddenPrefix(caller, key));
  return {
    entries: page.entries.map(({ key, value, version }) =>
      keysOnly ? { key, version } : { key, value: toWire(value), version },
    ),
    cursor: page.cursor ?? null,
  };
}

/** Page after page, until the end or `limit`: not of one moment, as pages of different calls are not. */
async function* scanAll(
  kv: KeyValueStore,
  guard: KeyGuard,
  caller: Caller,
  { limit, ...params }: ScanParams,
  signal: AbortSignal,
) {
  let left = limit ?? Number.POSITIVE_INFINITY;
  let { after } = params;
  do {
    const page = await scan(kv, guard, caller, { ...params, after, limit: Math.min(STREAM_PAGE, left) });
    yield page.entries;
    left -= page.entries.length;
    after = page.cursor ?? undefined;
  } while (after !== undefined && left > 0 && !signal.aborted);
}
