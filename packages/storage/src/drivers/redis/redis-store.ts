import type { BlobStore } from "../../blob-store.js";
import { ChunkedBlobStore } from "../../blobs.js";
import type { KeyValueStore } from "../../key-value-store.js";
import type { StoreMaintenance } from "../../maintenance/store-maintenance.js";
import type { Store } from "../../store.js";
import { RedisConnection } from "./connection.js";
import { RedisChunkStore } from "./redis-chunk-store.js";
import { RedisKeyValueStore } from "./redis-key-value-store.js";
import { checkServer } from "./server-check.js";

export interface RedisStoreOptions {
  /** `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS. */
  url: string;
  /** First part of every key in Redis. @default "aspen" */
  keyPrefix?: string;
  /** Milliseconds a command may take, waiting for a lost connection included. @default 5000 */
  commandTimeoutMs?: number;
}

/** Both primitives on one Redis server, shared by every node that names it. */
export class RedisStore implements Store {
  private constructor(
    readonly kv: KeyValueStore,
    readonly blobs: BlobStore,
    /** What of the server's configuration may lose data, a sentence each. */
    readonly warnings: readonly string[],
    readonly maintenance: StoreMaintenance,
  ) {}

  /** @throws AspenError `STORE_UNAVAILABLE` when the server does not answer in time, evicts keys, or is a replica */
  static async open(options: RedisStoreOptions): Promise<RedisStore> {
    const connection = await RedisConnection.open(options);
    const prefix = options.keyPrefix ?? "aspen";
    try {
      const warnings = await checkServer(connection);
      const blobs = new ChunkedBlobStore(new RedisChunkStore(connection, prefix));
      const database = new URL(options.url).pathname.slice(1) || "0";
      const kv = new RedisKeyValueStore(connection, prefix, `${prefix}:changes:${database}`);
      return new RedisStore(kv, blobs, warnings, kv.maintenance());
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kv[Symbol.asyncDispose]();
  }
}
