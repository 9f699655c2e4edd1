// A store of one's own: six methods over an array that is kept sorted. Everything else comes from @aspen/storage.
import type { Store } from "@aspen/storage";
import {
  ChunkedBlobStore,
  MemoryChunkStore,
  type Row,
  type Table,
  TableKeyValueStore,
} from "@aspen/storage/driver-kit";

class SortedTable implements Table {
  #rows: { key: string; row: Row }[] = [];
  #versions = new Map<string, number>();

  get = (key: string) => this.#rows[this.#find(key)]?.row;
  delete = (key: string) => this.get(key) && this.#rows.splice(this.#find(key), 1);
  set(key: string, row: Row) {
    this.delete(key);
    this.#rows.push({ key, row });
    this.#rows.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
  keys = (prefix: string) => this.#rows.map(({ key }) => key).filter((key) => key.startsWith(prefix));
  version = (namespace: string) => this.#versions.get(namespace) ?? 0;
  setVersion = (namespace: string, version: number) => void this.#versions.set(namespace, version);
  #find = (key: string) => this.#rows.findIndex((it) => it.key === key);
}

export class SortedStore implements Store {
  readonly kv = new TableKeyValueStore(new SortedTable());
  readonly blobs = new ChunkedBlobStore(new MemoryChunkStore());

  async [Symbol.asyncDispose]() {
    await this.kv[Symbol.asyncDispose]();
    await this.blobs[Symbol.asyncDispose]();
  }
}
