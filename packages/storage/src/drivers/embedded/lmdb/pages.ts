import type { Database } from "lmdb";
import { breathe } from "../../../maintenance/signal.js";

const PAGE_ROWS = 500;
const PAGE_BYTES = 4 * 1024 * 1024;

/** An entry of one of LMDB's databases; its bytes are copies. */
export interface RawEntry {
  key: Buffer;
  value: Buffer;
}

/** All entries of a database in pages. Each page is read in one short transaction. */
export async function* pagesOf(
  store: { read<T>(work: () => T): T },
  database: Database<Buffer, Buffer>,
  signal: AbortSignal | undefined,
): AsyncGenerator<RawEntry[]> {
  for (let after: Buffer | null = null; ; ) {
    const page = store.read(() => readPage(database, after));
    const last = page.at(-1);
    if (!last) return;
    yield page;
    after = last.key;
    await breathe(signal, "reading the store");
  }
}

function readPage(database: Database<Buffer, Buffer>, after: Buffer | null): RawEntry[] {
  const page: RawEntry[] = [];
  let bytes = 0;
  for (const { key, value } of database.getRange(after ? { start: after, exclusiveStart: true } : {})) {
    page.push({ key: Buffer.from(key as Buffer), value: Buffer.from(value as Buffer) });
    bytes += (value as Buffer).length;
    if (page.length >= PAGE_ROWS || bytes >= PAGE_BYTES) break;
  }
  return page;
}
