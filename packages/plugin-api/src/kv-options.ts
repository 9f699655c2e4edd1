/** Options of the key-value API, the same for a plugin and for the store behind it. */
export interface PutOptions {
  /** Milliseconds until the entry expires, a whole number from 1 on. @default never */
  ttlMs?: number;
}

export interface ScanOptions {
  /**
   * Keys that start with this. A plugin's must itself start with one of the plugin's prefixes. "" scans everything, and
   * is for operators only.
   */
  prefix: string;
  /** Cursor of the page before. @default the beginning */
  after?: string;
  /** Most entries of the page, 1 to 10,000; a page of large values may end before. @default 1000 */
  limit?: number;
  /** From the last key to the first. @default false */
  reverse?: boolean;
  /** Leave the values out (empty). @default false */
  keysOnly?: boolean;
}
