import { strictUtf8 } from "../../maintenance/restorable.js";
import type { RedisConnection } from "./connection/redis-connection.js";

/** Keys that the server looks at in one step of a SCAN. */
const SCAN_COUNT = 1000;

const ROW = Buffer.from("r:");
const VERSION = Buffer.from("v");

/** A Redis key that belongs to a namespace. */
export interface NamespaceKey {
  namespace: string;
  /** Of a row: the bytes of its key; null for every other key of a namespace. */
  row: Buffer | null;
  /** True for a row or a version, which only writes make; a watch makes keys in a namespace that has never been written. */
  written: boolean;
}

/** Every key that begins with `{prefix}:{`, in no order, some perhaps twice (SCAN of redis.io/docs). */
export async function* namespaceKeys(connection: RedisConnection, prefix: string): AsyncGenerator<NamespaceKey[]> {
  const start = Buffer.from(`${prefix}:{`);
  const pattern = `${prefix.replaceAll(/[\\*?[\]^-]/g, "\\$&")}:{*`;
  for (const primary of connection.primaries()) {
    let cursor = "0";
    do {
      const [next, names] = (await primary.read("SCAN", [cursor, "MATCH", pattern, "COUNT", SCAN_COUNT])) as [
        Buffer,
        Buffer[],
      ];
      cursor = next.toString();
      yield names.flatMap((name) => parse(name, start.length) ?? []);
    } while (cursor !== "0");
  }
}

function parse(name: Buffer, start: number): NamespaceKey | null {
  const end = name.indexOf("}:", start);
  if (end < 0) return null;
  const namespace = decodeTag(name.subarray(start, end));
  if (namespace === null) return null;
  const rest = name.subarray(end + 2);
  const isRow = rest.subarray(0, ROW.length).equals(ROW);
  return { namespace, row: isRow ? rest.subarray(ROW.length) : null, written: isRow || rest.equals(VERSION) };
}

function decodeTag(tag: Buffer): string | null {
  const text = strictUtf8(tag);
  if (text === null) return null;
  try {
    const namespace = decodeURIComponent(text);
    return encodeURIComponent(namespace) === text ? namespace : null;
  } catch {
    // Not an output of encodeURIComponent, so not the name of a namespace.
    return null;
  }
}
