import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api/abi";
import type { KeyValueStore } from "../kv/key-value-store.js";

/** The key that is there while an import is under way, and after one that was cut off. */
export const IMPORT_MARK = "__sys:import";

/** The checksum of the file whose import was begun; null when none is open; "" for a mark that says nothing. */
export async function readMark(kv: KeyValueStore): Promise<string | null> {
  const entry = await kv.get(IMPORT_MARK);
  return entry && decodeUtf8(entry.value);
}

export async function writeMark(kv: KeyValueStore, checksum: string): Promise<void> {
  await kv.put(IMPORT_MARK, encodeUtf8(checksum));
}

export async function removeMark(kv: KeyValueStore): Promise<void> {
  await kv.delete(IMPORT_MARK);
}
