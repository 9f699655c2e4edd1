import { decodeUtf8, encodeUtf8 } from "@aspen/plugin-api";
import type { KeyValueStore } from "@aspen/storage";
import { isEventId, trimmedKey } from "./event-keys.js";

/** What a namespace keeps of the trimming of its events, as JSON. */
export interface TrimmedRecord {
  /** The last event that was dropped; all before it were, too. */
  trimmed: string | null;
  /** The last event that was counted. */
  counted: string | null;
  /** Events behind `trimmed` up to `counted`, and the bytes of their keys and values. */
  count: number;
  bytes: number;
}

const NOTHING: TrimmedRecord = { trimmed: null, counted: null, count: 0, bytes: 0 };

export async function readTrimmed(
  kv: Pick<KeyValueStore, "get">,
  namespace: string,
): Promise<{ record: TrimmedRecord; stored: Uint8Array | null }> {
  const entry = await kv.get(trimmedKey(namespace));
  const stored = entry?.value ?? null;
  return { record: decodeTrimmed(namespace, stored), stored };
}

export function encodeTrimmed(record: TrimmedRecord): Uint8Array {
  return encodeUtf8(JSON.stringify(record));
}

/** What others may have written there counts as nothing. */
export function decodeTrimmed(namespace: string, value: Uint8Array | null): TrimmedRecord {
  if (value === null) return NOTHING;
  let read: Partial<TrimmedRecord> | null;
  try {
    read = JSON.parse(decodeUtf8(value)) as Partial<TrimmedRecord> | null;
  } catch {
    return NOTHING;
  }
  const { trimmed = null, counted = null, count, bytes } = read ?? {};
  const isId = (id: unknown): boolean => id === null || isEventId(namespace, id);
  const isSize = (size: unknown): size is number => Number.isSafeInteger(size) && Number(size) >= 0;
  return isId(trimmed) && isId(counted) && isSize(count) && isSize(bytes)
    ? { trimmed, counted, count, bytes }
    : NOTHING;
}
