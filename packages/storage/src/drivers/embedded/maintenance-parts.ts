import type { Version } from "../../kv/key-value-store.js";
import type { Row } from "../../kv/row.js";
import type { EmbeddedChangeLog } from "./embedded-change-log.js";
import type { Environment } from "./lmdb/environment.js";

/** The parts of the key-value store that its maintenance uses. */
export interface EmbeddedMaintenanceParts {
  environment: Environment;
  changes: EmbeddedChangeLog;
  /** Runs `work` in the next write transaction. */
  write<T>(work: () => T): Promise<T>;
  /** Throws when the store is closed: LMDB must not be asked then. */
  read<T>(work: () => T): T;
  version(namespace: string): Version;
  setVersion(namespace: string, version: Version): void;
  /** In a write transaction. */
  put(key: Buffer, row: Row): void;
  log(version: Version, changes: readonly { key: string; value: Uint8Array | null }[]): void;
}
