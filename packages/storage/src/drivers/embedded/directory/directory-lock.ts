import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { storageErrors } from "../../../errors.js";
import { loadFileLocks } from "../packages.js";
import { FILE_MODE, tighten } from "./access.js";
import { identityAt, identityOf, isSame } from "./identity.js";

/** Milliseconds for which a lock is tried: a killed process keeps its files open until its last thread has ended. */
const PATIENCE_MS = 500;
const RETRY_MS = 25;
/** Bytes of a lock file that are read. */
const OWNER_BYTES = 4096;

/** The holder of a lock; for messages only, as both mean something else in another container. */
export interface LockOwner {
  pid: number;
  host: string;
}

/**
 * Makes sure that one store at a time works on a directory: LMDB could share it, blobs and the change log could not. The
 * kernel holds the lock, for the file that is open here. So it ends with the process, also one that nobody reaps, and holds
 * for every container that has the directory. The file stays, because its removal would let two stores in.
 */
export class DirectoryLock {
  #released = false;

  /** A bare descriptor: a `FileHandle` is closed when nothing refers to it any more. Child processes do not inherit it. */
  private constructor(
    private readonly directory: string,
    private readonly path: string,
    private readonly fd: number,
  ) {}

  /** @throws AspenError `STORE_UNAVAILABLE` when an open store has the directory */
  static async acquire(directory: string): Promise<DirectoryLock> {
    const { tryLock } = await loadFileLocks();
    const path = join(directory, "lock");
    for (const deadline = performance.now() + PATIENCE_MS; ; await delay(RETRY_MS)) {
      const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, FILE_MODE);
      try {
        // When somebody removed the file in between, the next store would make a new one and lock that, too.
        if (tryLock(fd) && isSame(identityOf(fd), identityAt(path))) {
          tighten(path);
          writeOwner(fd);
          return new DirectoryLock(directory, path, fd);
        }
        if (performance.now() > deadline) throw storageErrors.directoryInUse(directory, ownerIn(fd));
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      closeSync(fd);
    }
  }

  /** @throws AspenError `STORE_UNAVAILABLE` when the file was removed or replaced, so that another store may have a lock */
  assertHeld(): void {
    if (!isSame(identityOf(this.fd), identityAt(this.path)))
      throw storageErrors.directoryGone(this.directory, this.path);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    closeSync(this.fd);
  }
}

/**
 * Who has a directory's store open. Null when nobody has, or there is none. It holds the lock for a moment itself, for
 * which a node that starts has patience.
 */
export async function storeHolder(directory: string): Promise<Partial<LockOwner> | null> {
  const { tryLock } = await loadFileLocks();
  let fd: number;
  try {
    fd = openSync(join(directory, "lock"), constants.O_RDWR);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
  try {
    return tryLock(fd) ? null : (ownerIn(fd) ?? {});
  } finally {
    closeSync(fd);
  }
}

function writeOwner(fd: number): void {
  const owner: LockOwner = { pid: process.pid, host: hostname() };
  ftruncateSync(fd);
  writeSync(fd, JSON.stringify(owner), 0);
}

/** Null when the file names no owner, or cannot be read while it is locked, as on Windows. */
function ownerIn(fd: number): LockOwner | null {
  const bytes = Buffer.alloc(Math.min(fstatSync(fd).size, OWNER_BYTES));
  try {
    const owner: unknown = JSON.parse(bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, 0)));
    const { pid, host } = owner as Partial<LockOwner>;
    return Number.isSafeInteger(pid) && typeof host === "string" ? { pid: pid!, host } : null;
  } catch {
    return null;
  }
}
