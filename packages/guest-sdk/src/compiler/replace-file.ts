import { randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { compilerErrors } from "./errors.js";

/** Writes a file so that a reader meets the old content or the new. @throws AspenError `BUILD_FAILED` */
export async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw compilerErrors.notWritten(path, error);
  }
}
