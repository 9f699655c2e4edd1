import type { Database } from "lmdb";
import { prefixEnd, startsWith } from "../../../bytes.js";
import { decodeCursor, encodeCursor } from "../../../kv/cursor.js";
import type { KvEntry, ScanOptions, ScanPage } from "../../../kv/key-value-store.js";
import { validateLimit, validatePrefix } from "../../../kv/validate.js";
import { decodeRow } from "./rows.js";

/** What is under a key, unless it has expired. */
export function entryAt(rows: Database<Buffer, Buffer>, key: string, bytes: Buffer): KvEntry | null {
  const row = decodeRow(rows.getBinary(bytes), Date.now());
  return row && { key, value: row.value, version: row.version };
}

/** @throws AspenError as `KeyValueStore.scan` */
export function scanRows(rows: Database<Buffer, Buffer>, options: ScanOptions): ScanPage {
  const prefix = validatePrefix(options.prefix);
  const limit = validateLimit(options);
  const after = decodeCursor(options);
  const reverse = options.reverse ?? false;
  const afterBytes = after === null ? null : Buffer.from(after, "utf8");
  const end = prefixEnd(prefix);
  const start = afterBytes ?? (reverse ? end : prefix);
  const entries: KvEntry[] = [];
  const now = Date.now();
  for (const { key, value } of rows.getRange({
    ...(start && start.length > 0 ? { start } : {}),
    reverse,
  })) {
    const bytes = key as Buffer;
    if (!startsWith(bytes, prefix)) {
      // Backwards, the first key may lie just behind the prefix; any other key outside the prefix is past its end.
      if (reverse && end && bytes.equals(end)) continue;
      break;
    }
    if (afterBytes?.equals(bytes)) continue;
    const row = decodeRow(value as Buffer, now, !options.keysOnly);
    if (!row) continue;
    if (entries.length === limit) return { entries, cursor: encodeCursor(options, entries.at(-1)!.key) };
    entries.push({ key: bytes.toString("utf8"), value: row.value, version: row.version });
  }
  return { entries };
}
