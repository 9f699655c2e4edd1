import type { Version } from "../../kv/key-value-store.js";
import type { Row } from "../../kv/row.js";
import type { Table } from "../../kv/table-key-value-store.js";

/** Rows in this process's memory. */
export class MemoryTable implements Table {
  readonly #rows = new Map<string, Row>();
  readonly #versions = new Map<string, Version>();

  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  set(key: string, row: Row): void {
    this.#rows.set(key, row);
  }

  delete(key: string): void {
    this.#rows.delete(key);
  }

  keys(prefix: string): string[] {
    return [...this.#rows.keys()].filter((key) => key.startsWith(prefix));
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
