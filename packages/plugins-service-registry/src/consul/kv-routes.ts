import { isAspenError } from "@aspen/plugin-api";
import type { KeyValueStore, KvEntry } from "@aspen/storage";
import { ConsulError } from "./consul-error.js";
import { VALUES, valueKey } from "./consul-keys.js";
import type { ConsulAnswer, ConsulParts } from "./consul-parts.js";
import type { ConsulRequest } from "./consul-request.js";
import { storedOf, ValueStore } from "./value-store.js";

/** Bytes of the longest value that Consul takes. */
const VALUE_BYTES = 512 * 1024;
const KEY_BYTES = 512;
/** Entries of one answer, and their bytes. */
const MOST = 10_000;

/** `/v1/kv/…` */
export async function kvRoute(request: ConsulRequest, parts: ConsulParts): Promise<ConsulAnswer> {
  const key = request.path.slice(1).join("/");
  if (Buffer.byteLength(key) > KEY_BYTES) throw new ConsulError(400, `A key has at most ${KEY_BYTES} bytes`);
  if (request.method === "GET") return await read(request, parts, key);
  request.allow("consul.kv.write");
  const values = new ValueStore(parts.kv, parts.sessions);
  const recurse = request.query.has("recurse");
  if (key === "" && !recurse) throw new ConsulError(400, "Missing key name");
  const cas = request.whole("cas");
  if (request.method === "DELETE") {
    if (recurse && cas !== undefined) throw new ConsulError(400, "Conflicting flags: cas and recurse");
    return { body: recurse ? await deleteAll(parts.kv, key) : await values.delete(key, cas) };
  }
  const value = await request.bytes();
  if (value.length > VALUE_BYTES) throw new ConsulError(413, `Request body too large, max size: ${VALUE_BYTES} bytes`);
  const { query } = request;
  const flags = request.whole("flags") ?? 0;
  const lock = { acquire: query.get("acquire") ?? undefined, release: query.get("release") ?? undefined };
  if (lock.acquire !== undefined && lock.release !== undefined) {
    throw new ConsulError(400, "Conflicting flags: acquire and release");
  }
  return { body: await values.put(key, { value, flags, cas, ...lock }) };
}

async function read(request: ConsulRequest, { kv }: ConsulParts, key: string): Promise<ConsulAnswer> {
  request.allow("consul.kv.read");
  const { query } = request;
  const many = query.has("recurse") || query.has("keys");
  if (key === "" && !many) throw new ConsulError(400, "Missing key name");
  const blocking = request.blocking();
  let told = 1;
  if (blocking) told = await changed(kv, key, many, blocking, request.signal);
  const entries = many ? await all(kv, key) : [await kv.get(valueKey(key))].filter((entry) => entry !== null);
  const index = Math.max(told, ...entries.map(({ version }) => version));
  if (entries.length === 0) return { status: 404, index };
  if (query.has("keys")) return { index, body: keysOf(entries, key, query.get("separator")) };
  if (query.has("raw")) return { index, body: Buffer.from(storedOf(entries[0]!).value, "base64") };
  return { index, body: entries.map(shown) };
}

/** Waits for a change behind an index; answers the index of that change, or the one that was waited for. */
async function changed(
  kv: KeyValueStore,
  key: string,
  many: boolean,
  { index, waitMs }: { index: number; waitMs: number },
  signal: AbortSignal,
): Promise<number> {
  const prefix = valueKey(key);
  const until = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(waitMs))]);
  try {
    for await (const event of kv.watch(prefix, { since: index, signal: until })) {
      if (event.type !== "synced" && (many || event.key === prefix)) return event.version;
    }
    return index;
  } catch (error) {
    if (!isAspenError(error) || error.code !== "WATCH_COMPACTED") throw error;
  }
  // What has happened since is not kept any more, unless it can be seen in what is there.
  for await (const event of kv.watch(prefix, { signal: until })) {
    const own = event.type === "synced" || many || event.key === prefix;
    if (own && event.version > index) return event.version;
  }
  return index;
}

async function all(kv: KeyValueStore, prefix: string): Promise<KvEntry[]> {
  const entries: KvEntry[] = [];
  let after: string | undefined;
  do {
    const page = await kv.scan({ prefix: valueKey(prefix), ...(after === undefined ? {} : { after }) });
    entries.push(...page.entries);
    if (entries.length > MOST) throw new ConsulError(400, `More than ${MOST} keys; name a longer prefix`);
    after = page.cursor;
  } while (after !== undefined);
  return entries;
}

async function deleteAll(kv: KeyValueStore, prefix: string): Promise<true> {
  for (;;) {
    const { entries } = await kv.scan({ prefix: valueKey(prefix), keysOnly: true, limit: 1000 });
    if (entries.length === 0) return true;
    await kv.transact({ checks: [], ops: entries.map(({ key }) => ({ type: "delete" as const, key })) });
  }
}

function keysOf(entries: readonly KvEntry[], prefix: string, separator: string | null): string[] {
  const keys = entries.map(({ key }) => key.slice(VALUES.length));
  if (separator === null || separator === "") return keys;
  const short = keys.map((key) => {
    const at = key.indexOf(separator, prefix.length);
    return at < 0 ? key : key.slice(0, at + separator.length);
  });
  return [...new Set(short)];
}

function shown(entry: KvEntry) {
  const { value, flags, created, lockIndex, session } = storedOf(entry);
  return {
    ...{ LockIndex: lockIndex, Key: entry.key.slice(VALUES.length), Flags: flags },
    Value: value === "" ? null : value,
    ...(session === null ? {} : { Session: session }),
    ...{ CreateIndex: created ?? entry.version, ModifyIndex: entry.version },
  };
}
