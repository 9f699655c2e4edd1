import { execFile } from "node:child_process";
import { type FileHandle, open, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { storageErrors } from "../../../errors.js";
import { FILE_MODE } from "../directory/access.js";

/** Offsets in a meta page of the LMDB that `lmdb` 3.5 brings along (mdb.c, `MDB_page_header` and `MDB_meta`). */
const META_BYTES = 160;
const MAGIC_AT = 24;
const PAGE_SIZE_AT = 48;
const LAST_PAGE_AT = 144;
const TRANSACTION_AT = 152;
const MAGIC = 0xbeef_c0de;

interface Meta {
  pageBytes: number;
  lastPage: number;
  transaction: number;
}

/**
 * Checks LMDB's file before it is mapped, because reading past the end of a mapped file ends the process. A file that ends
 * before its last page is filled up with zeros, which LMDB does not take for a page. True when it was filled up: either
 * pages were freed before they were written, or the file was cut off; {@link inspect} finds out which.
 */
export async function fillUp(directory: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(join(directory, "kv", "data.mdb"), "r+");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  try {
    if (await isThere(unverified(directory))) return true;
    const { size } = await file.stat();
    const first = await metaAt(file, 0);
    const second = await metaAt(file, first?.pageBytes ?? 4096);
    const newest = [first, second]
      .filter((meta) => meta !== null)
      .reduce<Meta | null>((best, meta) => (best && best.transaction > meta.transaction ? best : meta), null);
    // A file without a meta page is empty, or LMDB's own check refuses it.
    if (!newest || size >= (newest.lastPage + 1) * newest.pageBytes) return false;
    // The file has its full size from now on. Only this mark says that nobody has inspected it yet.
    await writeFile(unverified(directory), "", { mode: FILE_MODE, flush: true });
    await file.truncate((newest.lastPage + 1) * newest.pageBytes);
    return true;
  } finally {
    await file.close();
  }
}

/** A mark: the data file was filled up and has not been inspected yet. */
function unverified(directory: string): string {
  return join(directory, "kv", "unverified");
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return false;
      throw error;
    },
  );
}

async function metaAt(file: FileHandle, position: number): Promise<Meta | null> {
  const bytes = Buffer.alloc(META_BYTES);
  const { bytesRead } = await file.read(bytes, 0, META_BYTES, position);
  if (bytesRead < META_BYTES || bytes.readUInt32LE(MAGIC_AT) !== MAGIC) return null;
  return {
    pageBytes: bytes.readUInt32LE(PAGE_SIZE_AT),
    lastPage: Number(bytes.readBigUInt64LE(LAST_PAGE_AT)),
    transaction: Number(bytes.readBigUInt64LE(TRANSACTION_AT)),
  };
}

/** Milliseconds for {@link inspect}. */
const INSPECT_MS = 600_000;

/**
 * Reads everything once, in a process of its own: LMDB ends the process when it meets a page that it cannot read.
 * @throws AspenError `STORE_UNAVAILABLE` when something is missing or not as it was written
 */
export async function inspect(directory: string): Promise<void> {
  const inspector = createRequire(import.meta.url).resolve("@aspen/storage/embedded/inspector");
  try {
    await promisify(execFile)(process.execPath, [inspector, directory], { timeout: INSPECT_MS, killSignal: "SIGKILL" });
  } catch (error) {
    const { stderr = "", signal } = error as { stderr?: string; signal?: string | null };
    throw storageErrors.damaged(
      directory,
      signal ? "LMDB cannot follow its pages" : stderr.trim().replaceAll("\n", "; "),
      error,
    );
  }
  await rm(unverified(directory), { force: true });
}
