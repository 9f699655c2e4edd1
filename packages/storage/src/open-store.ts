/** Opens a store by where it is, with the driver for it. @module */
import { storageErrors } from "./errors.js";
import type { Store } from "./store.js";

/** Exactly one of the two is given. */
export interface StoreLocation {
  /** Directory of an embedded store; made when it is missing. */
  readonly dataDir?: string | undefined;
  /** Address of a Redis, as in `RedisStoreOptions.url`. */
  readonly redisUrl?: string | undefined;
}

export interface OpenStoreOptions {
  /** Told by what data may be lost, a sentence each: what is found at the opening, and later. @default not told */
  onWarning?: (warning: string) => void;
}

/**
 * Loads the driver that the location needs, and no other.
 *
 * @throws AspenError `INVALID_PARAMS` unless there is one location; `PACKAGE_MISSING` when the driver's packages are not
 * installed; what `EmbeddedStore.open` and `RedisStore.open` throw
 */
export async function openStore(
  { dataDir, redisUrl }: StoreLocation,
  { onWarning }: OpenStoreOptions = {},
): Promise<Store> {
  if (dataDir !== undefined && redisUrl === undefined) {
    const { EmbeddedStore } = await import("./drivers/embedded/embedded-store.js");
    return await EmbeddedStore.open({ directory: dataDir });
  }
  if (redisUrl !== undefined && dataDir === undefined) {
    const { RedisStore } = await import("./drivers/redis/redis-store.js");
    const store = await RedisStore.open({ url: redisUrl, ...(onWarning ? { onWarning } : {}) });
    for (const warning of store.warnings) onWarning?.(warning);
    return store;
  }
  throw storageErrors.invalid("dataDir", "or redisUrl must say where the store is, and not both");
}
