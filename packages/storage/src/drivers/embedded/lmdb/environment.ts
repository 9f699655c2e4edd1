import { join } from "node:path";
import type { Database, RootDatabase } from "lmdb";
import type { BlobRecord } from "../../../blobs/chunk-store.js";
import { Presence } from "../directory/presence.js";
import { loadLmdb } from "../packages.js";

/** Bytes of address space reserved at first; LMDB grows it as needed. */
const MAP_BYTES = 256 * 2 ** 20;

export interface Environment {
  root: RootDatabase;
  /** Whether its files are still those of the directory. */
  presence: Presence;
  /** Key bytes to row. */
  rows: Database<Buffer, Buffer>;
  /** Namespace to its version, 8 bytes little-endian. */
  versions: Database<Buffer, Buffer>;
  /** The past of watched namespaces: see `embedded-change-log.ts`. */
  changes: Database<Buffer, Buffer>;
  /** Expiry (8 bytes big-endian) and key to nothing, in the order of expiry. */
  expiries: Database<Buffer, Buffer>;
  /** Hash of a blob, 32 bytes, to its record. */
  blobs: Database<BlobRecord, Buffer>;
  /** Hash of a blob and a tag to nothing. */
  references: Database<Buffer, Buffer>;
}

/** Opens the LMDB environment of a store directory that is prepared and locked. */
export async function openEnvironment(
  directory: string,
  options: { readOnly: boolean; strict: boolean },
): Promise<Environment> {
  const { open } = await loadLmdb();
  const path = join(directory, "kv");
  const root = open({
    path,
    readOnly: options.readOnly,
    mapSize: MAP_BYTES,
    maxDbs: 8,
    // With overlapping sync a write is acknowledged before it is on the disk.
    overlappingSync: !options.strict,
    // Its batches have a promise of their own that nobody handles: a full disk would end the process (lmdb 3.5.6).
    // Writes of one turn are committed together anyway.
    eventTurnBatching: false,
  });
  const paths = [join(path, "data.mdb"), join(directory, "lock"), join(directory, "blobs")];
  const binary = { keyEncoding: "binary", encoding: "binary" } as const;
  return {
    root,
    presence: new Presence(directory, paths),
    rows: root.openDB({ name: "rows", ...binary }),
    versions: root.openDB({ name: "versions", ...binary }),
    changes: root.openDB({ name: "changes", ...binary }),
    expiries: root.openDB({ name: "expiries", ...binary }),
    blobs: root.openDB({ name: "blobs", keyEncoding: "binary", encoding: "msgpack" }),
    references: root.openDB({ name: "references", ...binary }),
  };
}
