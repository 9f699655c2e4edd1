import { createReadStream, existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { BlobStore } from "@aspen/storage";
import type { ForgeStore } from "../domain/forge-store.js";
import { readRecord, writeRecord } from "../domain/json-record.js";
import { packTag, stagedKey } from "../domain/keys.js";
import type { PackRecord } from "../domain/root.js";
import type { StagedRecord } from "../domain/staged.js";

/** How long a push may take from here to its commit. */
const STAGED_MS = 3_600_000;

/**
 * Stores a pack and its index. The record is there before the blobs are kept from garbage collection, and leaves in the
 * transaction that makes the pack part of a repository: whatever happens in between, somebody finds what is left over.
 */
export async function stagePack(
  { store, blobs }: { store: ForgeStore; blobs: BlobStore },
  folder: string,
  id: string,
  signal: AbortSignal,
): Promise<PackRecord> {
  const stage = await store.newId();
  const file = (end: string) => join(folder, `pack-${id}.${end}`);
  const put = (end: string) => blobs.put(createReadStream(file(end), { highWaterMark: 1 << 20 }), { signal });
  const [{ size: bytes }, pack, idx, bitmap] = await Promise.all([
    stat(file("pack")),
    put("pack"),
    put("idx"),
    existsSync(file("bitmap")) ? put("bitmap") : undefined,
  ]);
  const hashes = { pack, idx, ...(bitmap === undefined ? {} : { bitmap }) };
  const record: StagedRecord = { v: 1, ...hashes, until: store.now() + STAGED_MS };
  await store.transact({ checks: [], ops: [{ type: "put", key: stagedKey(stage), value: writeRecord(record) }] });
  await Promise.all(Object.values(hashes).map((hash) => blobs.addReference(hash, packTag(stage))));
  return { id, stage, ...hashes, bytes };
}

/**
 * Lets go of a staged pack, unless it has become part of a repository. `onlyAfter`: not before its time is over. True when
 * it is gone.
 */
export async function dropStaged(
  { store, blobs }: { store: ForgeStore; blobs: BlobStore },
  stage: string,
  { onlyAfter }: { onlyAfter: boolean },
): Promise<boolean> {
  const key = stagedKey(stage);
  const [entry] = await store.getMany([key]);
  if (!entry) return false;
  const record = readRecord<StagedRecord>(key, entry.value, 1);
  if (onlyAfter && record.until > store.now()) return false;
  // From here on no commit finds the record as it was.
  const dead: StagedRecord = { ...record, until: 0 };
  const marked = await store.transact({
    checks: [{ key, version: entry.version }],
    ops: [{ type: "put", key, value: writeRecord(dead) }],
  });
  if (!marked.ok) return false;
  const { pack, idx, bitmap } = record;
  for (const hash of new Set([pack, idx, ...(bitmap === undefined ? [] : [bitmap])]))
    await blobs.removeReference(hash, packTag(stage));
  await store.transact({ checks: [], ops: [{ type: "delete", key }] });
  return true;
}
