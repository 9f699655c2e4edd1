import { namespaceOf } from "@aspen/plugin-api/abi";
import { storageErrors } from "../errors.js";
import {
  type MaintenanceOptions,
  RESTORE_BYTES,
  RESTORE_ENTRIES,
  type StoreMaintenance,
} from "../maintenance/contract.js";
import { maintenanceOf } from "../maintenance/verify.js";
import type { Store } from "../store.js";
import { CheckedExport, reading } from "./checked-export.js";
import { blobsOf, entriesOf, namespacesOf } from "./export-contents.js";
import type { ExportFile, ReadOptions } from "./export-file.js";
import type { EntryRecord } from "./export-format.js";
import { IMPORT_MARK, readMark, removeMark, writeMark } from "./import-mark.js";
import { Window } from "./import-window.js";

/** Writes that are under way at once. */
const WINDOW = 64;

export interface ImportOptions extends MaintenanceOptions {
  /**
   * Import although the store holds something: keys of the file replace those of the same name, all others stay, and
   * an import of another file that was cut off counts as given up. @default false
   */
  merge?: boolean;
}

export interface ImportSummary {
  entries: number;
  /** Left out, as their time is over. */
  expired: number;
  namespaces: number;
  blobs: number;
  /** Of them, those that the store had already. */
  blobsPresent: number;
  /** True when it went on with an import of the same file that was cut off. */
  resumed: boolean;
}

/**
 * Writes what an export holds into a store. First the whole file is read and checked, before anything is written; a
 * {@link CheckedExport} was so already.
 * Then a mark is set, the versions of the namespaces are raised, so that none is ever given again, blobs are put and
 * entries written, and the mark is removed. After an import that was cut off the mark is still there: `verify` tells
 * it, and the same file can be imported again.
 *
 * @throws AspenError `EXPORT_INVALID` for what is no whole export; `STORE_NOT_EMPTY`; `STORE_INCONSISTENT` when an
 * import of another file was not finished; `CANCELLED`; what `restore` throws
 */
export async function importStore(
  store: Store,
  from: string | CheckedExport,
  options: ImportOptions = {},
): Promise<ImportSummary> {
  const maintenance = maintenanceOf(store);
  if (typeof from === "string") {
    await using checked = await CheckedExport.open(from, options);
    return await importStore(store, checked, options);
  }
  const { file } = from;
  const resumed = await claim(store, file.checksum, options.merge ?? false);
  await writeMark(store.kv, file.checksum);
  const read = reading(options, "importing", file.size);
  const namespaces = await importNamespaces(maintenance, file, read);
  const blobs = await importBlobs(store, file, read);
  const entries = await importEntries(maintenance, file, read);
  await removeMark(store.kv);
  return { ...entries, ...blobs, namespaces, resumed };
}

/** True when an import of the same file is open. @throws AspenError when the store must not be imported into */
async function claim(store: Store, checksum: string, merge: boolean): Promise<boolean> {
  const mark = await readMark(store.kv);
  if (mark === checksum) return true;
  if (merge) return false;
  if (mark !== null) throw storageErrors.importUnfinished();
  const { entries } = await store.kv.scan({ prefix: "", limit: 2, keysOnly: true });
  if (entries.some(({ key }) => key !== IMPORT_MARK)) throw storageErrors.notEmpty("keys");
  for await (const _ of store.blobs.list()) throw storageErrors.notEmpty("blobs");
  return false;
}

async function importNamespaces(maintenance: StoreMaintenance, file: ExportFile, read: ReadOptions): Promise<number> {
  let count = 0;
  const window = new Window();
  for await (const { namespace, version } of namespacesOf(file, read)) {
    count += 1;
    window.add(maintenance.raiseVersion(namespace, version));
    if (window.size >= WINDOW) await window.drain();
  }
  await window.drain();
  return count;
}

async function importBlobs(store: Store, file: ExportFile, read: ReadOptions) {
  const summary = { blobs: 0, blobsPresent: 0 };
  for await (const { hash, size, parts, tags } of blobsOf(file, read)) {
    summary.blobs += 1;
    if ((await store.blobs.stat(hash))?.size === size) summary.blobsPresent += 1;
    else await store.blobs.put(parts);
    // Read to its end before the tags, which follow in the file.
    for await (const _ of parts);
    for await (const tag of tags()) await store.blobs.addReference(hash, tag);
  }
  return summary;
}

async function importEntries(maintenance: StoreMaintenance, file: ExportFile, read: ReadOptions) {
  const summary = { entries: 0, expired: 0 };
  const now = Date.now();
  const window = new Window();
  let windowBytes = 0;
  const restore = async (batch: readonly EntryRecord[]) => {
    const { written, expired } = await maintenance.restore(batch);
    summary.entries += written;
    summary.expired += expired;
  };
  for await (const batch of batches(entriesOf(file, read))) {
    const current = batch.filter(({ expiresAt }) => expiresAt === 0 || expiresAt > now);
    summary.expired += batch.length - current.length;
    window.add(restore(current));
    windowBytes += current.reduce((sum, { value }) => sum + value.length, 0);
    if (window.size < WINDOW && windowBytes < 2 * RESTORE_BYTES) continue;
    await window.drain();
    windowBytes = 0;
  }
  await window.drain();
  return summary;
}

/** Entries that may be restored together. */
async function* batches(entries: AsyncIterable<EntryRecord>): AsyncGenerator<EntryRecord[]> {
  let batch: EntryRecord[] = [];
  let bytes = 0;
  for await (const entry of entries) {
    const other = batch[0] && namespaceOf(batch[0].key) !== namespaceOf(entry.key);
    if (other || batch.length >= RESTORE_ENTRIES || (batch.length > 0 && bytes + entry.value.length > RESTORE_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(entry);
    bytes += entry.value.length;
  }
  if (batch.length > 0) yield batch;
}
