import { type KeyValueStore, type KvEntry, readPage, type ScanOptions, scanCursorAfter } from "@aspen/storage";

/** Comes behind every key that begins with a prefix, but for those that go on with this very character. */
const LAST_CHARACTER = "\u{10FFFF}";

export interface VisiblePage {
  entries: KvEntry[];
  /** Made of the last entry of the page; none at the end. */
  cursor?: string;
}

/**
 * One page of the entries that somebody may see: as many as the limit, or fewer. A cursor is no secret, so that it is never
 * made of an entry that is hidden; what hidden prefixes hold is leapt over, however much it is.
 *
 * @param hiddenPrefix the hidden prefix that a key is below, null when it is visible
 */
export async function readVisiblePage(
  kv: Pick<KeyValueStore, "scan">,
  options: ScanOptions,
  hiddenPrefix: (key: string) => string | null,
): Promise<VisiblePage> {
  for (let { after } = options; ; ) {
    const page = await readPage(kv, { ...options, ...(after === undefined ? {} : { after }) });
    const entries = page.entries.filter(({ key }) => hiddenPrefix(key) === null);
    if (page.cursor === undefined) return { entries };
    const last = entries.at(-1);
    if (last) return { entries, cursor: scanCursorAfter(options, last.key) };
    const lastRead = page.entries.at(-1)?.key;
    after = lastRead === undefined ? page.cursor : behind(options, lastRead, hiddenPrefix(lastRead)!, page.cursor);
  }
}

/** Where the scan goes on behind a hidden prefix of which it has read up to `key`. */
function behind(options: ScanOptions, key: string, prefix: string, cursor: string): string {
  if (options.reverse) return scanCursorAfter(options, prefix);
  const end = prefix + LAST_CHARACTER;
  return Buffer.compare(Buffer.from(end), Buffer.from(key)) > 0 ? scanCursorAfter(options, end) : cursor;
}
