import { chmodSync, type Dirent, mkdirSync, readdirSync, type Stats, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** Only the user whose process has the store may read what plugins store, and their configuration. */
export const FILE_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;

const OTHERS = 0o077;
/** Of a directory that users share by design, such as /tmp. */
const STICKY = 0o1000;

/** Makes a store's directory, or takes it from others when it is there. */
export function prepareDirectory(directory: string): void {
  mkdirSync(dirname(directory), { recursive: true });
  makeFolder(directory);
}

/** The same for the folders in it. */
export function prepareFolders(directory: string): void {
  makeFolder(join(directory, "kv"));
  makeFolder(join(directory, "uploads"));
  tightenBlobs(join(directory, "blobs"));
  makeFolder(join(directory, "blobs"));
}

/** Takes LMDB's files, which it makes readable for everybody, from others. */
export function tightenDataFiles(directory: string): void {
  for (const entry of entriesIn(join(directory, "kv"))) if (entry.isFile()) tighten(join(directory, "kv", entry.name));
}

/** Leaves the owner's rights alone. */
export function tighten(path: string): void {
  const stat = statSync(path);
  if (isTight(stat) || (stat.mode & STICKY) !== 0) return;
  try {
    chmodSync(path, stat.mode & 0o7777 & ~OTHERS);
  } catch (error) {
    // The directory of a volume may belong to somebody else; files that this user makes in it do not.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
    process.emitWarning(`${path} can be read by other users and is not owned by this one, so that it stays as it is`);
  }
}

function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: DIRECTORY_MODE });
  tighten(path);
}

/** An earlier version let others read blobs. The folder comes last: when it is tight, so are its blobs. */
function tightenBlobs(blobs: string): void {
  const stat = statSync(blobs, { throwIfNoEntry: false });
  if (!stat || isTight(stat)) return;
  for (const folder of entriesIn(blobs)) {
    if (!folder.isDirectory()) continue;
    const path = join(blobs, folder.name);
    for (const entry of entriesIn(path)) if (entry.isFile()) tighten(join(path, entry.name));
    tighten(path);
  }
}

function entriesIn(path: string): Dirent[] {
  return readdirSync(path, { withFileTypes: true });
}

function isTight(stat: Stats): boolean {
  return (stat.mode & OTHERS) === 0;
}
