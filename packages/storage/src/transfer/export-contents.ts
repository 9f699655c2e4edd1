import { Hasher } from "../blobs/hash.js";
import { storageErrors } from "../errors.js";
import { validateKey, validateValue } from "../kv/validate.js";
import { validateNamespaceVersion } from "../maintenance/restorable.js";
import type { ExportFile, ReadOptions } from "./export-file.js";
import { decodeBlob, decodeEntry, decodeNamespace, type EntryRecord, RECORD, text } from "./export-format.js";
import { IMPORT_MARK } from "./import-mark.js";

/** So that a made-up file cannot use up a namespace's versions, which end at 2^53-1. */
const VERSION_MAX = 2 ** 52;

/** A blob of a file. The parts have to be read to their end, then the tags, before the next blob. */
export interface FileBlob {
  hash: string;
  size: number;
  parts: AsyncGenerator<Uint8Array>;
  tags(): AsyncGenerator<string>;
}

/** The entries of a file, each one that a store takes. @throws AspenError (from the loop) `EXPORT_INVALID` */
export async function* entriesOf(file: ExportFile, options?: ReadOptions): AsyncGenerator<EntryRecord> {
  for await (const { payload } of file.records("entries", options)) {
    const entry = decodeEntry(payload);
    valid(() => {
      validateKey(entry.key);
      validateValue(entry.key, entry.value);
    });
    if (entry.key === IMPORT_MARK) throw storageErrors.exportInvalid(`it holds the key ${IMPORT_MARK}`);
    yield entry;
  }
}

/** The namespaces of a file with their versions. @throws AspenError (from the loop) `EXPORT_INVALID` */
export async function* namespacesOf(file: ExportFile, options?: ReadOptions) {
  for await (const { payload } of file.records("namespaces", options)) {
    const record = decodeNamespace(payload);
    valid(() => validateNamespaceVersion(record.namespace, record.version));
    if (record.version > VERSION_MAX) throw storageErrors.exportInvalid("a version is higher than any store gives");
    yield record;
  }
}

/**
 * The blobs of a file. Their parts are checked against size and hash at the end; what was not read is skipped.
 * @throws AspenError (from the loops) `EXPORT_INVALID`
 */
export async function* blobsOf(file: ExportFile, options?: ReadOptions): AsyncGenerator<FileBlob> {
  const records = file.records("blobs", options);
  try {
    let next = await records.next();
    while (!next.done) {
      if (next.value.type !== RECORD.blob) throw storageErrors.exportInvalid("a part of a blob belongs to none");
      const { hash, size } = decodeBlob(next.value.payload);
      next = await records.next();
      const parts = (async function* () {
        const hasher = new Hasher();
        let read = 0;
        for (; !next.done && next.value.type === RECORD.part; next = await records.next()) {
          hasher.update(next.value.payload);
          read += next.value.payload.length;
          if (read > size) break;
          yield next.value.payload;
        }
        if (read !== size || hasher.digestBytes().toString("hex") !== hash) {
          throw storageErrors.exportInvalid(`the bytes of blob ${hash} do not match its hash`);
        }
      })();
      const tags = async function* () {
        for (; !next.done && next.value.type === RECORD.reference; next = await records.next()) {
          yield text(next.value.payload);
        }
      };
      yield { hash, size, parts, tags };
      for await (const _ of parts);
      for await (const _ of tags());
    }
  } finally {
    await records.return(undefined);
  }
}

/** What no store takes is no part of an export. */
function valid(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw storageErrors.exportInvalid(error instanceof Error ? error.message : String(error), error);
  }
}
