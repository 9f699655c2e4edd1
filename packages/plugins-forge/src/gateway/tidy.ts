import type { ForgeOp, ForgeStore } from "../domain/forge-store.js";
import { writeRecord } from "../domain/json-record.js";
import { GONE_PREFIX, refsPrefix, rootKey, STAGED_PREFIX, stagedKey, statusPrefix } from "../domain/keys.js";
import { readRoot } from "../domain/root.js";
import type { StagedRecord } from "../domain/staged.js";
import type { GatewayParts } from "./parts.js";
import { dropStaged } from "./staging.js";

/** Entries that are read, and changed, at once. */
const PAGE = 200;

/** Removes what dead pushes and deleted repositories have left. Any number of nodes may do so at once. */
export async function tidy(parts: Pick<GatewayParts, "store" | "blobs">, signal: AbortSignal): Promise<void> {
  for await (const key of keysOf(parts.store, GONE_PREFIX)) {
    if (signal.aborted) return;
    await removeRepository(parts.store, key.slice(GONE_PREFIX.length), key);
  }
  for await (const key of keysOf(parts.store, STAGED_PREFIX)) {
    if (signal.aborted) return;
    await dropStaged(parts, key.slice(STAGED_PREFIX.length), { onlyAfter: true });
  }
}

/** Hands the packs of a deleted repository to those who remove staged ones, and removes everything else of it. */
async function removeRepository(store: ForgeStore, id: string, goneKey: string): Promise<void> {
  const found = await readRoot(store, id);
  if (found) {
    const { root, version } = found;
    const ops: ForgeOp[] = root.packs.map(({ stage, pack, idx, bitmap }) => {
      const record: StagedRecord = { v: 1, pack, idx, ...(bitmap === undefined ? {} : { bitmap }), until: 1 };
      return { type: "put", key: stagedKey(stage), value: writeRecord(record) };
    });
    ops.push({ type: "delete", key: rootKey(id) });
    // Changed meanwhile: the next look does it.
    if (!(await store.transact({ checks: [{ key: rootKey(id), version }], ops })).ok) return;
  }
  for (const prefix of [refsPrefix(id), statusPrefix(id)]) {
    for await (const key of keysOf(store, prefix)) await store.transact({ checks: [], ops: [{ type: "delete", key }] });
  }
  await store.transact({ checks: [], ops: [{ type: "delete", key: goneKey }] });
}

async function* keysOf(store: ForgeStore, prefix: string): AsyncIterable<string> {
  let after: string | undefined;
  do {
    const page = await store.scan({ prefix, limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const { key } of page.entries) yield key;
    after = page.cursor;
  } while (after !== undefined);
}
