import type { Store } from "../store.js";
import type { KeyValueStats, StatsOptions } from "./contract.js";
import { throwIfCancelled } from "./signal.js";
import { maintenanceOf } from "./verify.js";

export interface StoreStats extends KeyValueStats {
  blobs: {
    count: number;
    /** Of the blobs' contents. */
    bytes: number;
  };
}

/** Counts what a store holds. @throws AspenError `CANCELLED`, `STORE_UNAVAILABLE` */
export async function storeStats(store: Store, options: StatsOptions = {}): Promise<StoreStats> {
  const stats = await maintenanceOf(store).stats(options);
  const blobs = { count: 0, bytes: 0 };
  for await (const { size } of store.blobs.list()) {
    throwIfCancelled(options.signal, "listing the blobs");
    blobs.count += 1;
    blobs.bytes += size;
  }
  return { ...stats, blobs };
}
