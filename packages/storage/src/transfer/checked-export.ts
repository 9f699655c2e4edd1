import type { MaintenanceOptions } from "../maintenance/contract.js";
import { throwIfCancelled } from "../maintenance/signal.js";
import { blobsOf, entriesOf, namespacesOf } from "./export-contents.js";
import { ExportFile, type ReadOptions } from "./export-file.js";

/** An export that was read to its end and is whole. It stays open, so that what was checked is what is imported. */
export class CheckedExport implements AsyncDisposable {
  private constructor(readonly file: ExportFile) {}

  /**
   * Reads all of a file, before a store is touched or made for it.
   * @throws AspenError `EXPORT_INVALID` for what is no whole export; `INVALID_PARAMS` for what is no file; `CANCELLED`
   */
  static async open(path: string, options: MaintenanceOptions = {}): Promise<CheckedExport> {
    throwIfCancelled(options.signal, "the import");
    const file = await ExportFile.open(path);
    try {
      const read = reading(options, "reading", 2 * file.size);
      await file.verifyChecksum(read);
      for await (const _ of namespacesOf(file, read));
      for await (const _ of blobsOf(file, read));
      for await (const _ of entriesOf(file, read));
      return new CheckedExport(file);
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.file[Symbol.asyncDispose]();
  }
}

/** How a file is read so that the bytes are told as progress of a phase. */
export function reading(
  { signal, onProgress }: MaintenanceOptions,
  phase: "reading" | "importing",
  total: number,
): ReadOptions {
  let done = 0;
  const onBytes = (bytes: number) => {
    done += bytes;
    onProgress?.({ phase, done, total, unit: "bytes" });
  };
  return { signal, onBytes };
}
