import { z } from "zod";
import { unpack } from "../archive/unpack.js";
import type { UnpackOptions } from "../archive/unpacked-tree.js";
import type { JobContext } from "../worker.js";

/** Hard limits of the archive that a job brings along. */
export const SOURCE_LIMITS = {
  /** Of all its files. */
  bytes: 1024 * 1024 * 1024,
  /** Files, folders and links. */
  entries: 50_000,
} as const;

/** An archive that is unpacked for a job before it begins. */
export const sourceArchive = z.strictObject({
  /** Hash of a tar archive, also with gzip, brotli or zstd. */
  blob: z.string().regex(/^[0-9a-f]{64}$/, "must be the hash of a blob, 64 lower-case hexadecimal digits"),
  /** Segments that are cut off the front of its paths. */
  stripComponents: z.int().min(0).max(20).default(0),
});

export type SourceArchive = z.output<typeof sourceArchive>;

/** @throws AspenError `BLOB_NOT_FOUND`, `JOB_ARCHIVE_INVALID` */
export async function unpackSource(
  { blob, stripComponents }: SourceArchive,
  to: Pick<UnpackOptions, "folder" | "owner">,
  { blobs, signal }: Pick<JobContext, "blobs" | "signal">,
): Promise<void> {
  const { bytes: maxBytes, entries: maxEntries } = SOURCE_LIMITS;
  await unpack(await blobs.get(blob), { ...to, stripComponents, maxBytes, maxEntries, signal });
}
