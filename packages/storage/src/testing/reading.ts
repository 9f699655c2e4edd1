import { decodeUtf8 } from "@aspen/plugin-api/abi";
import type { KeyValueStore, ScanOptions } from "../kv/key-value-store.js";

/** The value under a key as text; null when there is none. */
export async function text(kv: KeyValueStore, key: string): Promise<string | null> {
  const entry = await kv.get(key);
  return entry && decodeUtf8(entry.value);
}

/** Every key of a scan, page by page. */
export async function scanAll(kv: KeyValueStore, options: ScanOptions): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await kv.scan({ ...options, ...(cursor === undefined ? {} : { after: cursor }) });
    keys.push(...page.entries.map(({ key }) => key));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return keys;
}
