import type { BlobStore } from "../../blobs/blob-store.js";
import { ChunkedBlobStore } from "../../blobs/chunked-blob-store.js";
import { storageErrors } from "../../errors.js";
import type { KeyValueStore } from "../../kv/key-value-store.js";
import type { StoreMaintenance } from "../../maintenance/contract.js";
import type { Store, WorkerStore } from "../../store.js";
import { RedisConnection } from "./connection/redis-connection.js";
import { addressOf, topologyOf } from "./connection/topology.js";
import type { RedisStoreOptions } from "./options.js";
import { RedisChunkStore } from "./redis-chunk-store.js";
import { RedisKeyValueStore } from "./redis-key-value-store.js";
import { checkServer } from "./servers/server-check.js";
import { ServerWatch } from "./servers/server-watch.js";

/** Both primitives on a Redis server, a primary that Sentinels name, or a cluster, shared by every node that names it. */
export class RedisStore implements Store {
  private constructor(
    readonly address: string,
    readonly kv: KeyValueStore,
    readonly blobs: BlobStore,
    /** A sentence for each setting by which data may be lost, as of the opening; later findings go to `onWarning`. */
    readonly warnings: readonly string[],
    readonly maintenance: StoreMaintenance,
    private readonly watch: ServerWatch,
    readonly workerStore: WorkerStore,
  ) {}

  /**
   * @throws AspenError `INVALID_PARAMS` for malformed options; `PACKAGE_MISSING` without ioredis; `STORE_UNAVAILABLE` when
   * no server answers in time, or a server must not be used: it evicts keys, is a replica, or belongs to a cluster that is
   * down or has slots without a node
   */
  static async open(options: RedisStoreOptions): Promise<RedisStore> {
    const topology = topologyOf(options);
    const connection = await RedisConnection.open({
      topology,
      commandTimeoutMs: wholeNumber(options, "commandTimeoutMs", 5000, 1),
      maxWaitingCommands: wholeNumber(options, "maxWaitingCommands", 10_000, 1),
      waitReplicas: wholeNumber(options, "waitReplicas", 0, 0),
    });
    const prefix = options.keyPrefix ?? "aspen";
    try {
      const warnings = await checkServer(connection, topology.kind);
      const leaseMs = wholeNumber(options, "uploadLeaseMs", 600_000, 100, 86_400_000);
      const blobs = new ChunkedBlobStore(new RedisChunkStore(connection, { prefix, leaseMs }));
      const watch = new ServerWatch({
        connection,
        kind: topology.kind,
        intervalMs: wholeNumber(options, "checkMs", 60_000, 1000, 86_400_000),
        known: warnings,
        onWarning: options.onWarning ?? (() => undefined),
      });
      const kv = new RedisKeyValueStore(connection, {
        prefix,
        channel: `${prefix}:changes:${topology.database}`,
        onLoss: () => watch.lookSoon(),
      });
      return new RedisStore(addressOf(topology), kv, blobs, warnings, kv.maintenance(), watch, inThread(options));
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watch.close();
    await this.kv[Symbol.asyncDispose]();
  }
}

/** Opens a store as another thread of this process has it. @throws AspenError as {@link RedisStore.open} */
export function openWorkerStore(data: unknown): Promise<Store> {
  return RedisStore.open(data as RedisStoreOptions);
}

function inThread({ onWarning: _, ...data }: RedisStoreOptions): WorkerStore {
  return { module: "@aspen/storage/redis", data };
}

function wholeNumber(
  options: RedisStoreOptions,
  field: "commandTimeoutMs" | "maxWaitingCommands" | "waitReplicas" | "uploadLeaseMs" | "checkMs",
  byDefault: number,
  least: number,
  most = 2 ** 31 - 1,
): number {
  const value = options[field] ?? byDefault;
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw storageErrors.invalid(field, `must be a whole number from ${least} to ${most}`);
  }
  return value;
}
