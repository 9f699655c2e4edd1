import { strictUtf8 } from "../../maintenance/restorable.js";
import type { RedisConnection } from "./connection.js";

/** Keys that the server looks at in one step of a SCAN. */
const SCAN_COUNT = 1000;

/** A Redis key that belongs to a namespace. */
export interface NamespaceKey {
  namespace: string;
  /** Of a row: the bytes of its key; null for what else a namespace has. */
  row: Buffer | null;
  name: Buffer;
}

/** All that begins with `{prefix}:{`, in no order, some of it perhaps twice (SCAN of redis.io/docs). */
export async function* namespaceKeys(connection: RedisConnection, prefix: string): AsyncGenerator<NamespaceKey[]> {
  const start = Buffer.from(`${prefix}:{`);
  const pattern = `${prefix.replaceAll(/[\\*?[\]^-]/g, "\\$&")}:{*`;
  let cursor = "0";
  do {
    const [next, names] = (await connection.read("SCAN", [cursor, "MATCH", pattern, "COUNT", SCAN_COUNT])) as [
      Buffer,
      Buffer[],
    ];
    cursor = next.toString();
    yield names.flatMap((name) => parse(name, start.length) ?? []);
  } while (cursor !== "0");
}

function parse(name: Buffer, start: number): NamespaceKey | null {
  const end = name.indexOf("}:", start);
  if (end < 0) return null;
  const namespace = decodeTag(name.subarray(start, end));
  const kind = name[end + 2];
  if (namespace === null || kind === undefined) return null;
  const isRow = kind === 0x72 && name[end + 3] === 0x3a;
  return { namespace, row: isRow ? name.subarray(end + 4) : null, name };
}

function decodeTag(tag: Buffer): string | null {
  const text = strictUtf8(tag);
  if (text === null) return null;
  try {
    const namespace = decodeURIComponent(text);
    return encodeURIComponent(namespace) === text ? namespace : null;
  } catch {
    // Not written by encodeURIComponent, so no namespace's.
    return null;
  }
}
