import { forgeErrors } from "../errors.js";
import type { ForgeStore } from "./forge-store.js";
import { readRecord } from "./json-record.js";
import { rootKey } from "./keys.js";

/** A stored pack with its index. */
export interface PackRecord {
  /** As git names it: `pack-<id>.pack`. */
  id: string;
  /** Under which it was stored; its blobs have the tag `packTag(stage)`. */
  stage: string;
  /** BLAKE3 hashes of the blobs. */
  pack: string;
  idx: string;
  /** Which objects each commit reaches; made with the pack when all of them became one. @default none */
  bitmap?: string;
  /** Of the pack. */
  bytes: number;
}

/** Some refs that follow each other by name. */
export interface ChunkRecord {
  /** Never used again, so that what a key holds never changes. */
  id: string;
  first: string;
  count: number;
}

/**
 * What a repository's refs and objects are at one moment. There is one record, changed by compare-and-swap: refs with
 * records of their own would let `a` and `a/b` be made at once from two nodes.
 */
export interface RootRecord {
  v: 1;
  /** Grows by one with each change. */
  gen: number;
  /** Grows when objects are taken away: what was found connected before has to be looked at again. */
  pruned: number;
  chunks: ChunkRecord[];
  packs: PackRecord[];
}

export interface FoundRoot {
  readonly root: RootRecord;
  readonly version: number;
}

export const EMPTY_ROOT: RootRecord = { v: 1, gen: 0, pruned: 0, chunks: [], packs: [] };

/** @throws AspenError `STORE_INCONSISTENT` */
export async function readRoot(store: ForgeStore, id: string): Promise<FoundRoot | null> {
  const key = rootKey(id);
  const [entry] = await store.getMany([key]);
  return entry ? { root: readRecord<RootRecord>(key, entry.value, 1), version: entry.version } : null;
}

/** The root and the refs of one moment; null when the repository is gone. @throws AspenError `FORGE_CONFLICT` */
export async function consistently<T>(
  store: ForgeStore,
  id: string,
  read: (found: FoundRoot) => Promise<T | null>,
): Promise<T | null> {
  // A chunk that is not there was replaced while the root was on its way.
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const found = await readRoot(store, id);
    if (!found) return null;
    const result = await read(found);
    if (result !== null) return result;
  }
  throw forgeErrors.conflict("the list of refs");
}
