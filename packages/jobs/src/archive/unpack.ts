import { once } from "node:events";
import { Parser, type ReadEntry } from "tar";
import { jobsErrors } from "../errors.js";
import { UnpackedTree, type UnpackOptions } from "./unpacked-tree.js";

/** Of the headers of one entry, which hold its long names; bytes. */
const META_BYTES = 64 * 1024;

/**
 * Unpacks a tar archive, as it is or compressed with gzip, brotli or zstd (the last from Node 22.15 on), into an empty
 * folder. Links are made last, so that nothing is ever written through one.
 *
 * @throws AspenError `JOB_ARCHIVE_INVALID`: damaged, over a limit, with a path or a link that leaves the folder, or with
 * what is no file, folder or link
 */
export async function unpack(archive: AsyncIterable<Uint8Array>, options: UnpackOptions): Promise<void> {
  const tree = new UnpackedTree(options);
  const parser = new Parser({ strict: true, maxMetaEntrySize: META_BYTES });
  let fail: (error: unknown) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  let entries = Promise.resolve();
  parser.on("error", (error: Error) => fail(jobsErrors.archiveInvalid(`cannot be read: ${error.message}`, error)));
  parser.on("entry", (entry: ReadEntry) => {
    entries = entries.then(() => tree.add(entry));
    entries.catch(fail);
  });
  const ended = once(parser, "end");
  ended.catch(() => undefined);
  for await (const chunk of archive) {
    options.signal.throwIfAborted();
    if (!parser.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) {
      await Promise.race([once(parser, "drain"), failed]);
    }
  }
  parser.end();
  await Promise.race([ended, failed]);
  await Promise.race([entries, failed]);
  await tree.finish();
}
