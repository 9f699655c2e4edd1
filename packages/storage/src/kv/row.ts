import type { Version } from "./key-value-store.js";

/** What a store keeps under a key. */
export interface Row {
  value: Uint8Array;
  version: Version;
  /** Milliseconds since the epoch, by the wall clock as in every store and export; 0 for never. */
  expiresAt: number;
}
