/** The used part of the package, which has no types of its own. */
declare module "fs-native-extensions" {
  /**
   * Locks the whole file, for its open file description; false when another has the lock. By `F_OFD_SETLK` on Linux,
   * `flock` on macOS, `LockFileEx` on Windows.
   */
  export function tryLock(fd: number): boolean;
}
