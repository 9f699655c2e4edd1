import { resolve } from "node:path";
import { isAspenError } from "@aspen/plugin-api/abi";
import type { BlobStore } from "../../blobs/blob-store.js";
import { ChunkedBlobStore } from "../../blobs/chunked-blob-store.js";
import { storageErrors } from "../../errors.js";
import type { KeyValueStore } from "../../kv/key-value-store.js";
import type { StoreMaintenance } from "../../maintenance/contract.js";
import type { Store, WorkerReader } from "../../store.js";
import { prepareDirectory, prepareFolders, tightenDataFiles } from "./directory/access.js";
import { DirectoryLock } from "./directory/directory-lock.js";
import { EmbeddedChunkStore } from "./embedded-chunk-store.js";
import { EmbeddedKeyValueStore } from "./embedded-key-value-store.js";
import { fillUp, inspect } from "./lmdb/data-file.js";
import { type Environment, openEnvironment } from "./lmdb/environment.js";
import { loadFileLocks, loadLmdb } from "./packages.js";
import type { EmbeddedReaderData } from "./worker-reader.js";

export interface EmbeddedStoreOptions {
  /** Where everything lies; made when it is missing. */
  directory: string;
  /** `strict`: a write is on the disk when it is acknowledged; `relaxed`: soon after. @default "strict" */
  durability?: "strict" | "relaxed";
}

/**
 * Both primitives in one directory of this machine. When the directory is removed, moved or replaced, writes fail from
 * then on, and reads within 250 ms, with `STORE_UNAVAILABLE`.
 */
export class EmbeddedStore implements Store {
  readonly address: string;
  readonly exclusive = true;
  readonly workerReader: WorkerReader;

  private constructor(
    readonly directory: string,
    readonly kv: KeyValueStore,
    readonly blobs: BlobStore,
    private readonly lock: DirectoryLock,
    readonly maintenance: StoreMaintenance,
  ) {
    const data: EmbeddedReaderData = { directory: resolve(directory) };
    this.address = `embedded:${data.directory}`;
    this.workerReader = { module: "@aspen/storage/embedded/worker-reader", data };
  }

  /**
   * Opens the store, and takes the rights of other users to its directory and files.
   * @throws AspenError `PACKAGE_MISSING` without lmdb and fs-native-extensions; `STORE_UNAVAILABLE` when the directory
   * cannot be used, or another store has it
   */
  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    const { directory, durability = "strict" } = options;
    let environment: Environment | undefined;
    let lock: DirectoryLock | undefined;
    let chunks: EmbeddedChunkStore;
    try {
      // First, so that a missing package leaves no files behind.
      await Promise.all([loadLmdb(), loadFileLocks()]);
      prepareDirectory(directory);
      lock = await DirectoryLock.acquire(directory);
      prepareFolders(directory);
      if (await fillUp(directory)) await inspect(directory);
      environment = await openEnvironment(directory, { readOnly: false, strict: durability === "strict" });
      tightenDataFiles(directory);
      // From here on the environment's `Presence` checks it.
      lock.assertHeld();
      chunks = await EmbeddedChunkStore.open(directory, environment);
    } catch (error) {
      await environment?.root.close();
      lock?.release();
      if (isAspenError(error)) throw error;
      throw storageErrors.unavailable(`${directory}: ${error instanceof Error ? error.message : String(error)}`, error);
    }
    const kv = new EmbeddedKeyValueStore(environment);
    return new EmbeddedStore(directory, kv, new ChunkedBlobStore(chunks), lock, kv.maintenance());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.blobs[Symbol.asyncDispose]();
    await this.kv[Symbol.asyncDispose]();
    this.lock.release();
  }
}
