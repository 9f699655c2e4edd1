/** Opens a store by where it is, with the driver for it. @module */
import { storageErrors } from "./errors.js";
import type { Store } from "./store.js";

/** A store by its driver. */
export type StoreLocation =
  | {
      readonly driver: "embedded";
      /** Made when it is missing. */
      readonly directory: string;
    }
  | {
      readonly driver: "redis";
      /** As in `RedisStoreOptions.url`. */
      readonly url: string;
    };

export interface OpenStoreOptions {
  /** Told by what data may be lost, a sentence each: what is found at the opening, and later. @default not told */
  onWarning?: (warning: string) => void;
}

/**
 * Loads the driver that the location names, and no other.
 *
 * @throws AspenError `INVALID_PARAMS` when there is no such driver; `PACKAGE_MISSING` when the driver's packages are not
 * installed; what `EmbeddedStore.open` and `RedisStore.open` throw
 */
export async function openStore(location: StoreLocation, { onWarning }: OpenStoreOptions = {}): Promise<Store> {
  switch (location.driver) {
    case "embedded": {
      const { EmbeddedStore } = await import("./drivers/embedded/embedded-store.js");
      return await EmbeddedStore.open({ directory: location.directory });
    }
    case "redis": {
      const { RedisStore } = await import("./drivers/redis/redis-store.js");
      const store = await RedisStore.open({ url: location.url, ...(onWarning ? { onWarning } : {}) });
      for (const warning of store.warnings) onWarning?.(warning);
      return store;
    }
    default:
      throw storageErrors.invalid("driver", "must be embedded or redis");
  }
}
