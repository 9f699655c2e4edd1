import sortedBtree from "sorted-btree";
import type { Version } from "../../kv/key-value-store.js";
import type { Row } from "../../kv/row.js";
import type { OrderedFrom, Table } from "../../kv/table-key-value-store.js";

/** Of a CommonJS module. */
const BTree = sortedBtree.default;

/** Rows in this process's memory. */
export class MemoryTable implements Table {
  readonly #rows = new Map<string, Row>();
  /** Keys by {@link rankOf}. */
  readonly #order = new BTree<string, string>(undefined, compare);
  readonly #versions = new Map<string, Version>();

  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  set(key: string, row: Row): void {
    if (!this.#rows.has(key)) this.#order.set(rankOf(key), key);
    this.#rows.set(key, row);
  }

  delete(key: string): void {
    if (this.#rows.delete(key)) this.#order.delete(rankOf(key));
  }

  keys(prefix: string): Iterable<string> {
    return this.inOrder(prefix, { after: null, reverse: false });
  }

  *inOrder(prefix: string, { after, reverse }: OrderedFrom): Generator<string> {
    // No well-formed text goes on with what has the highest rank.
    const first = rankOf(after ?? prefix) + (reverse && after === null ? "\uffff" : "");
    for (const [, key] of reverse ? this.#order.entriesReversed(first) : this.#order.entries(first)) {
      if (key === after) continue;
      if (!key.startsWith(prefix)) return;
      yield key;
    }
  }

  get size(): number {
    return this.#rows.size;
  }

  version(namespace: string): Version {
    return this.#versions.get(namespace) ?? 0;
  }

  namespaces(): [namespace: string, version: Version][] {
    return [...this.#versions];
  }

  setVersion(namespace: string, version: Version): void {
    this.#versions.set(namespace, version);
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const BEHIND = /[\ud800-\uffff]/;

/**
 * A text that has, among the others, the place that the key has by its UTF-8 bytes: a surrogate, of a character beyond
 * U+FFFF, comes behind U+E000 to U+FFFF there, and before them in JavaScript.
 */
function rankOf(key: string): string {
  if (!BEHIND.test(key)) return key;
  return key.replaceAll(/[\ud800-\uffff]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return String.fromCharCode(code < 0xe000 ? code + 0x2000 : code - 0x800);
  });
}
