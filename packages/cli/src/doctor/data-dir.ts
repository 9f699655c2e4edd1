import { randomUUID } from "node:crypto";
import { open, rm, stat, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { formatBytes } from "../format-bytes.js";
import { type Finding, ok, problem, warning } from "./finding.js";
import type { FreeSpace } from "./options.js";

/** Bytes and files that must be free, and the part of the file system that should be. */
const FREE_BYTES = 256 * 1024 * 1024;
const FREE_FILES = 1000;
const FREE_PART = 0.05;

/** Whether a node can keep its store in this directory. Writes a file there, and removes it. */
export async function checkDataDir(dataDir: string, freeSpace = spaceOf): Promise<Finding[]> {
  const directory = resolve(dataDir);
  const folder = await existing(directory);
  if (!folder.isDirectory) {
    const fix = "move it away, or name another directory with --data-dir";
    return [problem("data-dir", `${folder.path} is a file, where the store needs a directory`, fix)];
  }
  const space = checkSpace(folder.path, await freeSpace(folder.path));
  const refused = await writeRefused(folder.path);
  if (refused !== null) return [notWritable(folder.path, refused), space];
  if (folder.path !== directory) return [ok("data-dir", `${directory} will be made by the first start`), space];
  return [
    ok("data-dir", `${directory} can be written`),
    ...checkMode(directory, folder.mode),
    await checkHolder(directory),
    space,
  ];
}

/** The directory, or the nearest folder above it that is there. */
async function existing(path: string): Promise<{ path: string; isDirectory: boolean; mode: number }> {
  try {
    const found = await stat(path);
    return { path, isDirectory: found.isDirectory(), mode: found.mode };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if ((code !== "ENOENT" && code !== "ENOTDIR") || dirname(path) === path) throw error;
    return existing(dirname(path));
  }
}

/** Null when a file can be made there: the rights alone do not say it, of a volume that is mounted read-only. */
async function writeRefused(folder: string): Promise<NodeJS.ErrnoException | null> {
  const path = join(folder, `.aspen-doctor-${randomUUID()}`);
  try {
    await using file = await open(path, "wx", 0o600);
    await file.write("aspen");
    await file.sync();
    return null;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  } finally {
    await rm(path, { force: true }).catch(() => undefined);
  }
}

function notWritable(folder: string, { code = "", message }: NodeJS.ErrnoException): Finding {
  const who = process.getuid ? ` by the user ${process.getuid()}` : "";
  const fix =
    {
      EROFS: "mount it so that it can be written (mount -o remount,rw), or name another directory with --data-dir",
      ENOSPC: "make room on its file system, or name another directory with --data-dir",
      EDQUOT: "raise the quota of the user, or name another directory with --data-dir",
    }[code] ?? "give it to the user of the node (chown, chmod 700), or name another directory with --data-dir";
  return problem("data-dir", `${folder} cannot be written${who}: ${code || message}`, fix);
}

function checkMode(directory: string, mode: number): Finding[] {
  if ((mode & 0o077) === 0) return [];
  const shown = (mode & 0o777).toString(8);
  const message = `other users of the machine can look into ${directory} (mode ${shown}), where plugins keep what they store`;
  return [
    warning(
      "data-dir",
      message,
      `chmod 700 ${directory}; the next start does it, too, when the directory is the node's`,
    ),
  ];
}

async function checkHolder(directory: string): Promise<Finding> {
  const { storeHolder } = await import("@aspen/storage/embedded");
  const holder = await storeHolder(directory);
  if (holder === null) return ok("data-dir", "no process has the store open");
  const { pid, host } = holder;
  return ok("data-dir", `the process ${pid ?? "(unknown)"} on ${host ?? "an unknown host"} has the store open`);
}

async function spaceOf(folder: string): Promise<FreeSpace> {
  const { bavail, blocks, bsize, files, ffree } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeFiles: files > 0 ? ffree : null };
}

function checkSpace(folder: string, { freeBytes, totalBytes, freeFiles }: FreeSpace): Finding {
  const fix = "make room: remove what is not needed, run `aspen blob gc`, or move the store to a larger disk";
  const free = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} are free where ${folder} is`;
  if (freeBytes < FREE_BYTES) return problem("disk", `the disk is full or nearly so: ${free}`, fix);
  if (freeFiles !== null && freeFiles < FREE_FILES) {
    return problem("disk", `only ${freeFiles} more files can be made where ${folder} is`, fix);
  }
  if (freeBytes < totalBytes * FREE_PART) return warning("disk", `only ${free}`, fix);
  return ok("disk", free);
}
