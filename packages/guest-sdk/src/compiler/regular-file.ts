import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { compilerErrors } from "./errors.js";

/** Most bytes of a plugin.json, package.json or tsconfig.json. */
export const SETTINGS_BYTES_MAX = 1024 * 1024;

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** True when a file begins with the byte-order mark of UTF-8, which has no meaning there. */
export function startsWithMark(content: Uint8Array): boolean {
  return BYTE_ORDER_MARK.every((byte, at) => content[at] === byte);
}

/**
 * Opens a regular file of at most `limit` bytes. It refuses a pipe, socket, device or directory instead of waiting for
 * it.
 *
 * @throws AspenError `BUILD_FAILED` when it is no regular file or larger
 * @throws NodeJS.ErrnoException when it cannot be opened
 */
export async function openRegular(path: string, limit: number, shownAs = path): Promise<FileHandle> {
  // Without O_NONBLOCK, opening a named pipe waits for a writer.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error) => {
    // Opening a socket fails with this.
    if ((error as NodeJS.ErrnoException).code === "ENXIO") throw compilerErrors.notRegular(shownAs);
    throw error;
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw compilerErrors.notRegular(shownAs);
    if (stats.size > limit) throw compilerErrors.sourceTooLarge(shownAs, limit);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The bytes of a regular file without its byte-order mark. @throws like {@link openRegular} */
export async function readRegular(path: string, limit: number, shownAs = path): Promise<Uint8Array> {
  const file = await openRegular(path, limit, shownAs);
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    // A file may grow meanwhile, and some have no size although they have content.
    for await (const chunk of file.createReadStream({ autoClose: false, end: limit })) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
    if (bytes > limit) throw compilerErrors.sourceTooLarge(shownAs, limit);
    const content = Buffer.concat(chunks);
    return startsWithMark(content) ? content.subarray(BYTE_ORDER_MARK.length) : content;
  } finally {
    await file.close();
  }
}
