import { CountMeter, type Meter, TimeMeter } from "@aspen/feature";
import type {
  BlobHash,
  BlobStore,
  ByteRange,
  CollectGarbageOptions,
  KeyValueStore,
  ListBlobsOptions,
  PutBlobOptions,
  PutOptions,
  ScanOptions,
  Store,
  Transaction,
  WatchOptions,
} from "@aspen/storage";
import { codeOf } from "./request-meters.js";

/** Counts and times the operations of this process on its store. Reads inside of a plugin's worker are not among them. */
export class StoreMeters {
  readonly #count = new CountMeter(
    "aspen_storage_operations_total",
    "Operations on the store that have ended, by operation and code (OK, or that of the error).",
    ["operation", "code"],
  );
  readonly #times = new TimeMeter("aspen_storage_operation_seconds", "Time of an operation on the store.", [
    "operation",
  ]);
  #waiting = 0;

  get meters(): readonly Meter[] {
    const waiting: Meter = {
      name: "aspen_storage_operations_waiting",
      help: "Operations on the store that have not ended yet.",
      kind: "gauge",
      collect: () => [{ value: this.#waiting }],
    };
    return [this.#count, this.#times, waiting];
  }

  async timed<T>(operation: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    let code = "OK";
    this.#waiting += 1;
    try {
      return await work();
    } catch (error) {
      code = codeOf(error);
      throw error;
    } finally {
      this.#waiting -= 1;
      this.#count.add([operation, code]);
      this.#times.observe([operation], performance.now() - began);
    }
  }
}

/** The same store, whose operations are measured. Disposing it disposes the store. */
export function measuredStore(store: Store, meters: StoreMeters): Store {
  const { maintenance, address, exclusive, workerReader, workerStore } = store;
  return {
    kv: new MeasuredKeyValueStore(store.kv, meters),
    blobs: new MeasuredBlobStore(store.blobs, meters),
    ...(maintenance === undefined ? {} : { maintenance }),
    ...(address === undefined ? {} : { address }),
    ...(exclusive === undefined ? {} : { exclusive }),
    ...(workerReader === undefined ? {} : { workerReader }),
    ...(workerStore === undefined ? {} : { workerStore }),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

class MeasuredKeyValueStore implements KeyValueStore {
  constructor(
    private readonly kv: KeyValueStore,
    private readonly meters: StoreMeters,
  ) {}

  get(key: string) {
    return this.meters.timed("get", () => this.kv.get(key));
  }

  getMany(keys: readonly string[]) {
    return this.meters.timed("getMany", () => this.kv.getMany(keys));
  }

  put(key: string, value: Uint8Array, options?: PutOptions) {
    return this.meters.timed("put", () => this.kv.put(key, value, options));
  }

  delete(key: string) {
    return this.meters.timed("delete", () => this.kv.delete(key));
  }

  scan(options: ScanOptions) {
    return this.meters.timed("scan", () => this.kv.scan(options));
  }

  compareAndSwap(key: string, expected: Uint8Array | null, next: Uint8Array | null, options?: PutOptions) {
    return this.meters.timed("compareAndSwap", () => this.kv.compareAndSwap(key, expected, next, options));
  }

  transact(transaction: Transaction) {
    return this.meters.timed("transact", () => this.kv.transact(transaction));
  }

  /** Lasts as long as somebody watches, which says nothing. */
  watch(prefix: string, options?: WatchOptions) {
    return this.kv.watch(prefix, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.kv[Symbol.asyncDispose]());
  }
}

class MeasuredBlobStore implements BlobStore {
  constructor(
    private readonly blobs: BlobStore,
    private readonly meters: StoreMeters,
  ) {}

  put(data: Uint8Array | AsyncIterable<Uint8Array>, options?: PutBlobOptions) {
    return this.meters.timed("blob.put", () => this.blobs.put(data, options));
  }

  get(hash: BlobHash, range?: ByteRange) {
    return this.meters.timed("blob.get", () => this.blobs.get(hash, range));
  }

  read(hash: BlobHash, maxBytes: number) {
    return this.meters.timed("blob.read", () => this.blobs.read(hash, maxBytes));
  }

  has(hash: BlobHash) {
    return this.meters.timed("blob.has", () => this.blobs.has(hash));
  }

  stat(hash: BlobHash) {
    return this.meters.timed("blob.stat", () => this.blobs.stat(hash));
  }

  delete(hash: BlobHash) {
    return this.meters.timed("blob.delete", () => this.blobs.delete(hash));
  }

  list(options?: ListBlobsOptions) {
    return this.blobs.list(options);
  }

  addReference(hash: BlobHash, tag: string) {
    return this.meters.timed("blob.addReference", () => this.blobs.addReference(hash, tag));
  }

  removeReference(hash: BlobHash, tag: string) {
    return this.meters.timed("blob.removeReference", () => this.blobs.removeReference(hash, tag));
  }

  references(hash: BlobHash) {
    return this.meters.timed("blob.references", () => this.blobs.references(hash));
  }

  collectGarbage(options?: CollectGarbageOptions) {
    return this.meters.timed("blob.collectGarbage", () => this.blobs.collectGarbage(options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.blobs[Symbol.asyncDispose]());
  }
}
